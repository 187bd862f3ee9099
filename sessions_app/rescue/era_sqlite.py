"""Stores of the SQLite era: sessions, transcripts, archives, waiting inputs and traces out of `openclaw-agent.sqlite`.

Read-only. A database without a write-ahead log is opened as immutable; one with a log is copied to a temporary place first, because
reading it in place would write beside it. Events are copied into spool files, so that everything after reads plain lines.
"""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import zstandard

from sessions_app.rescue.index import Row
from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.lines import LINE_MAX_BYTES, RawLine
from sessions_app.values import Json

_EVENTS = "SELECT seq, event_json, event_zstd FROM transcript_events WHERE session_id = ? ORDER BY seq"
_EVENTS_OLD = "SELECT seq, event_json, NULL FROM transcript_events WHERE session_id = ? ORDER BY seq"
_TRACES = "SELECT seq, event_json, NULL FROM trajectory_runtime_events WHERE session_id = ? ORDER BY seq"
_PENDING = """SELECT seq, message_json, NULL FROM session_pending_inputs WHERE session_id = ? AND consumed_event_id IS NULL ORDER BY seq"""


class DatabaseUnreadableError(Exception):
    """The file is no database, or too damaged to be opened."""


@contextmanager
def database(place: Path, ledger: Ledger) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write into the store.

    Raises:
        DatabaseUnreadableError: it cannot be opened.
    """
    log = place.with_name(place.name + "-wal")
    has_log = log.is_file() and not log.is_symlink() and log.stat().st_size > 0
    source = place
    try:
        if has_log:
            source = ledger.spool()
            shutil.copyfile(place, source)
            shutil.copyfile(log, source.with_name(source.name + "-wal"))
        mode = "mode=rw" if has_log else "mode=ro&immutable=1"
        connection = sqlite3.connect(f"file:{_quoted(source)}?{mode}", uri=True)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except (sqlite3.Error, OSError) as error:
        raise DatabaseUnreadableError(str(error)) from error
    connection.text_factory = bytes
    with closing(connection):
        yield connection


def _quoted(place: Path) -> str:
    return str(place).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def node_rows(db: sqlite3.Connection, agent: str) -> tuple[list[Row], dict[str, Json]]:
    """Rows of the index, and by session id what its window says: {key, reason, endedAt, previous}.

    Raises:
        sqlite3.Error: the tables cannot be read.
    """
    rows = []
    for key, current, entry in db.execute("SELECT session_key, current_session_id, entry_json FROM session_nodes"):
        row = _object(entry)
        rows.append(Row(agent, _text(key), _text(current), _text(current), entry=row, is_of_database=True))
    windows = {}
    sql = "SELECT session_id, session_key, reason, ended_at, created_at FROM session_windows"
    for session_id, key, reason, ended, created in db.execute(sql):
        facts = {"key": _text(key), "reason": _text(reason), "endedAt": ended, "createdAt": created}
        windows[_text(session_id)] = facts
    return rows, windows


def sessions_of(db: sqlite3.Connection, table: str) -> list[str]:
    """The session ids that have rows in a table; none when it is missing or broken."""
    try:
        found = db.execute(f"SELECT DISTINCT session_id FROM {table} ORDER BY session_id")  # noqa: S608 - names of ours
        return [_text(row[0]) for row in found]
    except sqlite3.Error:
        return []


def event_lines(db: sqlite3.Connection, table: str, session_id: str, spool: io.BufferedIOBase) -> Iterator[RawLine]:
    """The events of a session as lines, copied into the spool on the way; a line's number is the row's seq and one.

    Raises:
        sqlite3.Error: the database is damaged here; what came before was given.
    """
    sql = {"transcript_events": _EVENTS, "trajectory_runtime_events": _TRACES, "session_pending_inputs": _PENDING}[
        table
    ]
    try:
        found = db.execute(sql, (session_id,))
    except sqlite3.OperationalError:
        if table != "transcript_events":
            raise
        found = db.execute(_EVENTS_OLD, (session_id,))
    offset = 0
    for no, (_seq, plain, packed) in enumerate(found, 1):
        raw = _unpacked(packed) if packed is not None else plain
        raw = raw if isinstance(raw, bytes) else b"" if raw is None else str(raw).encode()
        if table == "session_pending_inputs":
            raw = b'{"type":"message","message":' + raw + b"}"
        spool.write(raw + b"\n")
        yield RawLine(no, offset, len(raw), raw or b"(unreadable)")
        offset += len(raw) + 1


def archive_blobs(db: sqlite3.Connection) -> Iterator[tuple[str, str, str, bytes]]:
    """Archives inside the database: (name, session id, key, JSONL bytes). Broken ones are given empty."""
    sql = "SELECT archive_name, session_id, session_key, encoding, archive_blob FROM session_transcript_archives"
    try:
        for name, session_id, key, encoding, blob in db.execute(sql):
            raw = _unpacked(blob, LINE_MAX_BYTES * 40) if _text(encoding) == "zstd" else bytes(blob)
            yield _text(name), _text(session_id), _text(key), raw
    except sqlite3.Error:
        return


def _unpacked(blob: Any, max_bytes: int = LINE_MAX_BYTES) -> bytes:
    try:
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(bytes(blob))).read(max_bytes)
    except (zstandard.ZstdError, TypeError, ValueError):
        return b""


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) if value is not None else ""


def _object(value: Any) -> Json:
    try:
        found = json.loads(value)
    except (ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
