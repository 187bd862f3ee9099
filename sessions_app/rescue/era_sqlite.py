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
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import zstandard

from sessions_app.rescue.index import Row
from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.lines import LINE_MAX_BYTES, RawLine
from sessions_app.rescue.torn_database import is_torn, rows_saved
from sessions_app.values import Json

_EVENTS = "SELECT seq, event_json, event_zstd FROM transcript_events WHERE session_id = ? ORDER BY seq"
_EVENTS_OLD = "SELECT seq, event_json, NULL FROM transcript_events WHERE session_id = ? ORDER BY seq"
_TRACES = "SELECT seq, event_json, NULL FROM trajectory_runtime_events WHERE session_id = ? ORDER BY seq"
_WINDOWS = "SELECT session_id, session_key, previous_session_id, reason, created_at FROM session_windows"
_ARCHIVES = "SELECT archive_name, session_id, session_key, encoding, archive_blob FROM session_transcript_archives"
_COLD = """SELECT 'cold/' || cold.archive_name, cold.session_id, w.session_key, 'zstd', cold.archive_blob
    FROM session_transcript_cold_archives cold LEFT JOIN session_windows w ON w.session_id = cold.session_id
    WHERE cold.archive_blob IS NOT NULL"""
_PENDING = """SELECT seq, message_json, NULL FROM session_pending_inputs WHERE session_id = ? AND consumed_event_id IS NULL ORDER BY seq"""


_LOG_HEADER_BYTES, _LOG_FRAME_BYTES, _PAGE_MAX_BYTES = 32, 24, 65_536


class DatabaseUnreadableError(Exception):
    """The file is no database, or too damaged to be opened."""


@contextmanager
def database(place: Path, ledger: Ledger) -> Iterator[tuple[sqlite3.Connection, str]]:
    """A connection that cannot write into the store, and what was saved out of a damaged one in words ("" for a whole one).

    Raises:
        DatabaseUnreadableError: nothing in it can be read.
    """
    log = place.with_name(place.name + "-wal")
    has_log = log.is_file() and not log.is_symlink() and log.stat().st_size > 0
    source = place
    try:
        if has_log:
            source = ledger.spool()
            if place.exists():
                shutil.copyfile(place, source)
            else:
                source.write_bytes(_first_page(log))
            shutil.copyfile(log, source.with_name(source.name + "-wal"))
        connection, words = _whole_or_saved(source, ledger, has_log=has_log)
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        raise DatabaseUnreadableError(str(error)) from error
    connection.text_factory = bytes
    with closing(connection):
        yield connection, words


def _first_page(log: Path) -> bytes:
    """The newest first page in a write-ahead log; with it SQLite takes all the others from there (https://www.sqlite.org/walformat.html)."""
    page = b""
    with log.open("rb") as stream:
        size = int.from_bytes(stream.read(_LOG_HEADER_BYTES)[8:12], "big")
        size = size if size <= _PAGE_MAX_BYTES else 0
        while size and len(frame := stream.read(_LOG_FRAME_BYTES + size)) == _LOG_FRAME_BYTES + size:
            if frame[:4] == b"\0\0\0\1":
                page = frame[_LOG_FRAME_BYTES:]
    return page


def _whole_or_saved(source: Path, ledger: Ledger, *, has_log: bool) -> tuple[sqlite3.Connection, str]:
    connection = sqlite3.connect(f"file:{_quoted(source)}?{'mode=rw' if has_log else 'mode=ro&immutable=1'}", uri=True)
    problem = ""
    try:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'view'").fetchone():  # it could go on for ever
            raise sqlite3.DatabaseError("it has views, which its program never makes")
        if not is_torn(connection):
            return connection, ""
        if has_log:  # what stands in the log only is brought into the copy, as far as it can
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # a message that quotes what is broken may be no text
        problem = str(error)
    connection.close()
    saved_at = ledger.spool()
    saved = rows_saved(source, saved_at)
    if not saved and problem:
        raise DatabaseUnreadableError(problem)
    words = f"{saved:,} rows were saved out of its pages" + (f" ({problem})" if problem else "")
    return sqlite3.connect(f"file:{_quoted(saved_at)}?mode=ro", uri=True), words


def _quoted(place: Path) -> str:
    return str(place).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def node_rows(db: sqlite3.Connection, agent: str) -> list[Row]:
    """Rows of the index.

    Raises:
        sqlite3.Error: the table cannot be read.
    """
    found = db.execute("SELECT session_key, current_session_id, entry_json FROM session_nodes")
    return [
        Row(agent, _text(key), _text(current), _text(current), entry=_object(entry), is_of_database=True)
        for key, current, entry in found
    ]


def windows_of(db: sqlite3.Connection) -> dict[str, Json]:
    """What the windows say, by session id: {key, and for one that another followed: endedAt, endedBy}.

    A window's own `ended_at` is the end of its last turn; its reason is why it began.

    Raises:
        sqlite3.Error: the table cannot be read.
    """
    windows: dict[str, Json] = {}
    for session_id, key, previous, reason, created in db.execute(_WINDOWS):
        windows.setdefault(_text(session_id), {})["key"] = _text(key)
        if previous:
            windows.setdefault(_text(previous), {"key": _text(key)}).update(endedAt=created, endedBy=_text(reason))
    return windows


def sessions_of(db: sqlite3.Connection, table: str) -> list[str]:
    """The session ids that have rows in a table; none when it is missing or broken."""
    try:
        found = db.execute(f"SELECT DISTINCT session_id FROM {table} ORDER BY session_id")  # noqa: S608 - names of ours
        return [_text(row[0]) for row in found]
    except (sqlite3.Error, UnicodeDecodeError):
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


def archive_blobs(db: sqlite3.Connection) -> Iterator[tuple[str, str, str, bytes, bool]]:
    """Archives inside the database, the cold ones too: (name, session id, key, JSONL, whether that is packed)."""
    for sql in (_ARCHIVES, _COLD):
        try:
            for name, session_id, key, encoding, blob in db.execute(sql):
                raw = blob if isinstance(blob, bytes) else _text(blob).encode()
                yield _text(name), _text(session_id), _text(key), raw, _text(encoding) == "zstd"
        except (sqlite3.Error, UnicodeDecodeError):
            continue


def _unpacked(blob: Any) -> bytes:
    try:
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(bytes(blob))).read(LINE_MAX_BYTES)
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
