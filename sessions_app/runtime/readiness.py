"""Whether this server should be given work. Asked every second by whoever balances load, so it costs no flush of the disk."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from sessions_app.runtime import process as processes

logger = logging.getLogger(__name__)

PROBE_MAX_MS = 2000
BUSY_MAX_SECONDS = 15.0  # a writer that stored something lately is busy, not broken


class NotReady(StrEnum):
    """Why a server should not be given work."""

    STARTING = "starting"
    DRAINING = "draining"
    MIGRATIONS_MISSING = "migrations_missing"
    STORAGE_UNAVAILABLE = "storage_unavailable"


def not_ready_reasons() -> list[str]:
    """Why this server should not be given work; empty when it should. Two queries and a transaction that writes nothing.

    The disk itself is proven by the sign of life that the server stores every few seconds anyway.
    """
    reasons = []
    process = processes.current_if_any()
    if process is None:
        reasons.append(NotReady.STARTING)
    elif process.is_draining:
        reasons.append(NotReady.DRAINING)
    try:
        if _migrations_missing():
            reasons.append(NotReady.MIGRATIONS_MISSING)
        takes_writes = _takes_writes() and not (process and process.beat_failed)
    except DatabaseError as error:
        logger.warning("the database did not take the probe of readiness: %s", error)
        takes_writes = _wrote_lately(process)
    if not takes_writes:
        reasons.append(NotReady.STORAGE_UNAVAILABLE)
    return [str(reason) for reason in reasons]


def _migrations_missing() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        applied = set(cursor.fetchall())
    return not _newest_migrations() <= applied


@functools.cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    """What this code needs; it does not change while the process lives."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def _takes_writes() -> bool:
    """Whether the database would let us write: the write lock on SQLite, no replica on PostgreSQL. Nothing is written."""
    with _impatient(), transaction.atomic():  # on SQLite this is BEGIN IMMEDIATE (settings.DATABASES)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'")
                return bool(cursor.fetchone()[0])
        transaction.set_rollback(True)
    return True


@contextmanager
def _impatient() -> Iterator[None]:
    """Wait for SQLite's lock for two seconds, not for the twenty that a write may take."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        usual_ms = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute(f"PRAGMA busy_timeout = {PROBE_MAX_MS}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {int(usual_ms)}")


def _wrote_lately(process: processes.Process | None) -> bool:
    return process is not None and time.monotonic() - process.writer.stats.committed_at < BUSY_MAX_SECONDS
