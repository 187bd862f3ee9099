"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from sessions_app.runtime import seen
from sessions_app.runtime.lane_writer import LaneWriter
from sessions_app.runtime.settle import settle_alone
from sessions_app.runtime.thread_writer import ThreadWriter
from sessions_app.selectors import reachable
from sessions_app.selectors.damage import noticed_taken
from sessions_app.values import Command, Json
from tests.support.world import World, world_made


@pytest.fixture(autouse=True, scope="session")
def _flush_gets_past_the_triggers() -> Iterator[None]:
    """A flush empties tables by DELETE on SQLite, which the triggers refuse: it drops them and makes them again."""
    operations = type(connection.ops)
    original = operations.sql_flush

    def sql_flush(self: Any, style: Any, tables: Any, **options: Any) -> list[str]:
        statements = original(self, style, tables, **options)
        if not statements or self.connection.vendor != "sqlite":
            return statements
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%immutable%'")
            triggers = cursor.fetchall()
        return [f"DROP TRIGGER {name}" for name, _ in triggers] + statements + [sql for _, sql in triggers]

    operations.sql_flush = sql_flush
    yield
    operations.sql_flush = original


@pytest.fixture(autouse=True, scope="session")
def _postgres_lets_go() -> None:
    """PostgreSQL drops no database that anybody is connected to; the connection of a thread that just ended may linger."""
    creation = type(connection.creation)
    original = creation._destroy_test_db

    def destroyed(self: Any, name: str, verbosity: int) -> None:
        if self.connection.vendor == "postgresql":
            with self._nodb_cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        original(self, name, verbosity)

    creation._destroy_test_db = destroyed


@pytest.fixture(autouse=True)
def _tokens_are_new() -> None:
    """A database that was flushed gives its ids again, and a token of an earlier test may have been noted a moment ago."""
    seen._noted.clear()


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    """What an earlier test's reader met is not for this one's quarantine, nor what was reachable there."""
    noticed_taken()
    reachable._kept.clear()


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    """People of every role and a conversation, in the database the test is marked for."""
    request.getfixturevalue("transactional_db" if _is_transactional(request) else "db")
    return world_made()


Perform = Callable[[Command], Json]


@pytest.fixture(
    params=[
        pytest.param("inline", marks=pytest.mark.django_db),
        pytest.param("writer", marks=pytest.mark.django_db(transaction=True)),
    ]
)
def perform(request: pytest.FixtureRequest) -> Iterator[Perform]:
    """Carries out a command: directly, and through the thread of the server."""
    if request.param == "inline":
        yield lambda command: settle_alone(command).result()
        return
    writer = (LaneWriter if connection.vendor == "postgresql" else ThreadWriter)(publish=lambda effects: None)
    writer.start()
    yield writer.call
    writer.stop()


@pytest.fixture(scope="session")
def ci() -> bool:
    """Whether what is missing on this machine is a failure instead of a skip."""
    return os.environ.get("CI") == "true"


def _is_transactional(request: pytest.FixtureRequest) -> bool:
    mark = request.node.get_closest_marker("django_db")
    return bool(mark and mark.kwargs.get("transaction"))
