"""Whether a server should be given work; asking costs no flush."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError, connection

from sessions_app.runtime import readiness
from sessions_app.runtime.readiness import not_ready_reasons
from sessions_app.runtime.status import gateway_status

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]
sqlite_only = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's lock")


async def reasons():
    return await database_sync_to_async(not_ready_reasons)()


async def test_a_server_that_runs_is_ready(process):
    assert await reasons() == []


async def test_a_server_that_stops_is_not(process):
    process.is_draining = True
    assert await reasons() == ["draining"]


async def test_a_sign_of_life_that_was_not_stored_says_that_the_disk_is_full(process):
    process.beat_failed = True
    assert await reasons() == ["storage_unavailable"]


async def test_a_newer_code_than_its_database_is_not_ready(process, monkeypatch):
    needed = readiness._newest_migrations() | {("sessions_app", "9999_later")}
    monkeypatch.setattr(readiness, "_newest_migrations", lambda: needed)
    assert await reasons() == ["migrations_missing"]


async def test_a_database_that_is_not_there_is_a_reason_not_an_error(process, monkeypatch):
    def gone():
        raise DatabaseError("gone")

    monkeypatch.setattr(readiness, "_migrations_missing", gone)
    monkeypatch.setattr(readiness, "BUSY_MAX_SECONDS", -1)
    assert await reasons() == ["storage_unavailable"]


@sqlite_only
async def test_a_writer_that_stored_something_just_now_is_busy_not_broken(process, monkeypatch):
    monkeypatch.setattr(readiness, "PROBE_MAX_MS", 50)
    with _LockHeld():
        process.writer.stats.committed_at = time.monotonic()
        assert await reasons() == []
        process.writer.stats.committed_at = time.monotonic() - 60
        assert await reasons() == ["storage_unavailable"]
    assert await reasons() == []


@sqlite_only
async def test_asking_writes_nothing(process):
    def asked_often():
        wal = settings.DATA_DIR / f"{Path(connection.settings_dict['NAME']).name}-wal"
        before = wal.read_bytes()
        for _ in range(20):
            assert not_ready_reasons() == []
        return before == wal.read_bytes(), connection.cursor().execute("PRAGMA busy_timeout").fetchone()[0]

    assert await database_sync_to_async(asked_often)() == (True, 20_000)


async def test_status_says_it_in_numbers(world, process):
    status = await process.readers.read(gateway_status, world.bob)
    assert status["ready"]
    assert status["instanceId"] == str(process.instance_id)
    assert status["uptimeSeconds"] >= 0
    assert (status["runsRunning"], status["runsQueued"], status["engine"]) == (0, 0, connection.vendor)
    assert status["writer"]["batches"] >= 1


class _LockHeld:
    """Another connection that writes, and does not finish."""

    def __enter__(self):
        self._done, started = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(started,))
        self._thread.start()
        started.wait(5)

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _hold(self, started):
        cursor = connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        started.set()
        self._done.wait(10)
        cursor.execute("ROLLBACK")
        connection.close()
