"""A database of the SQLite era into the ledger: each session's events are one part of the file, with lines of its own."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

from sessions_app.rescue.era_sqlite import (
    DatabaseUnreadableError,
    archive_blobs,
    database,
    event_lines,
    node_rows,
    sessions_of,
    windows_of,
)
from sessions_app.rescue.index import Row
from sessions_app.rescue.intake import lines_read, transcript_closed
from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.lines import BrokenStreamError, Unpacked
from sessions_app.rescue.names import FileKind, named
from sessions_app.rescue.reading import Reading
from sessions_app.rescue.trajectories import TraceReading
from sessions_app.values import Json

_PARTS = {
    "transcript_events": FileKind.TRANSCRIPT,
    "session_pending_inputs": FileKind.TRANSCRIPT,
    "trajectory_runtime_events": FileKind.TRAJECTORY,
}


def database_read(ledger: Ledger, number: int, place: Path, agent: str, path: str) -> tuple[list[Row], dict[str, Json]]:
    """Read one database.

    Returns:
        Its index rows, and what each session's window says.
    """
    rows: list[Row] = []
    windows: dict[str, Json] = {}
    try:
        with database(place, ledger) as (db, saved):
            if saved:
                ledger.finding("database-damaged", path, detail=saved)
            try:
                rows = node_rows(db, agent)
                windows = windows_of(db)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                ledger.finding("database-damaged", path, detail=f"index: {error}")
            for table, kind in _PARTS.items():
                for session_id in sessions_of(db, table):
                    _part_read(ledger, db, table, session_id, kind, agent, path)
            _archives_read(ledger, db, agent, path, windows)
    except DatabaseUnreadableError as error:
        ledger.finding("database-unreadable", path, detail=str(error))
        ledger.facts_changed("file", number, problem="database-unreadable")
    return rows, windows


def _part(ledger: Ledger, path: str, part: str, kind: FileKind, agent: str, base: str, place: Path) -> int:
    return ledger.add(
        "file",
        path=f"{path}#{part}",
        part=part,
        agent=agent,
        kind=str(kind),
        base=base,
        size=0,
        modified=0.0,
        place=str(place),
        header_id="",
        facts={},
    )


def _part_read(
    ledger: Ledger, db: sqlite3.Connection, table: str, session_id: str, kind: FileKind, agent: str, path: str
) -> None:
    spool = ledger.spool()
    part = f"{table}/{session_id}"
    is_pending = table == "session_pending_inputs"
    file = _part(ledger, path, part, kind, agent, "" if is_pending else session_id, spool)
    strand = ledger.add("strand", file=file, part="pending" if is_pending else "main", facts={})
    reading = (TraceReading if kind is FileKind.TRAJECTORY else Reading)(
        ledger, file, strand, keeps_words=kind is not FileKind.TRAJECTORY
    )
    with spool.open("wb") as copy:
        try:
            reading.read(event_lines(db, table, session_id, copy))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            ledger.finding("database-damaged", f"{path}#{part}", session_id=session_id, detail=str(error))
    transcript_closed(ledger, reading, header_id=session_id)
    if is_pending and reading.entries:
        ledger.finding("pending-input", path, session_id=session_id, detail=f"{reading.entries} messages")


def _archives_read(ledger: Ledger, db: sqlite3.Connection, agent: str, path: str, windows: dict[str, Json]) -> None:
    for name, session_id, key, raw, is_packed in archive_blobs(db):
        spool = ledger.spool()
        about = named(name)
        file = _part(ledger, path, f"archive/{name}", about.kind, agent, about.base, spool)
        stamp = about.stamp.isoformat() if about.stamp else None
        ledger.db.execute("UPDATE file SET stamp = ? WHERE id = ?", (stamp, file))
        strand = ledger.add("strand", file=file, part="main", facts={})
        reading = Reading(ledger, file, strand, keeps_words=True)
        stream = io.BytesIO(raw)
        try:
            lines_read(reading, Unpacked(stream) if is_packed else stream, spool)
        except BrokenStreamError as error:
            ledger.finding("compressed-broken", f"{path}#archive/{name}", session_id=session_id, detail=str(error))
        transcript_closed(ledger, reading, header_id=reading.header_id or session_id)
        if key:
            windows.setdefault(session_id, {"key": key})
