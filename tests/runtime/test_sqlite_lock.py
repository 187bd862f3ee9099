"""Waiting for the writing lock of the embedded database."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest
from django.db import OperationalError, connection, transaction

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has row locks"),
]


@pytest.fixture
def other():
    """Another connection to the same file, as another process has one."""
    with closing(
        sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, check_same_thread=False)
    ) as raw:
        yield raw


def patience() -> int:
    with connection.cursor() as cursor:
        return int(cursor.execute("PRAGMA busy_timeout").fetchone()[0])


def test_a_transaction_waits_until_another_process_let_go(other):
    usual = patience()
    assert usual == 20_000
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.1, other.execute, ["ROLLBACK"])
    timer.start()
    with transaction.atomic(), connection.cursor() as cursor:
        timer.join()
        assert cursor.execute("SELECT 1").fetchone() == (1,)
        assert patience() == usual  # what comes inside waits as it always did
    assert patience() == usual


def test_it_gives_up_when_its_patience_ends_and_the_connection_goes_on(other):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 30")
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"), transaction.atomic():
            raise AssertionError("nobody may come here")
        assert patience() == 30
        other.execute("ROLLBACK")
        with transaction.atomic():
            assert connection.in_atomic_block
    finally:
        connection.close()


def test_what_is_no_waiting_is_told_at_once(other):
    with transaction.atomic(), pytest.raises(OperationalError, match="within a transaction"):
        connection._start_transaction_under_autocommit()
