"""A database of the SQLite era into the ledger: each session's events are one part of the file, with lines of its own."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from sessions_app.rescue.lines import BrokenStreamError, RawLine, Unpacked
from sessions_app.rescue.names import FileKind, named
from sessions_app.rescue.reading import Reading
from sessions_app.rescue.trajectories import TraceReading
from sessions_app.values import Json

_TELL_LINES = 1000
_PARTS = {
    "transcript_events": FileKind.TRANSCRIPT,
    "session_pending_inputs": FileKind.TRANSCRIPT,
    "trajectory_runtime_events": FileKind.TRAJECTORY,
}


@dataclass
class Parts:
    """Where the parts of one database go.

    Attributes:
        number: of the database's own file in the ledger.
        agent, path: whose it is, and where.
        told: told how many bytes of lines were read, now and then.
        passed: how many were.
    """

    ledger: Ledger
    number: int
    agent: str
    path: str
    told: Callable[[int], None]
    passed: int = 0

    def opened(self, part: str, kind: FileKind, base: str, place: Path) -> int:
        """Another part; its number in the ledger."""
        return self.ledger.add(
            "file",
            path=f"{self.path}#{part}",
            part=part,
            agent=self.agent,
            kind=str(kind),
            base=base,
            size=0,
            modified=0.0,
            place=str(place),
            header_id="",
            facts={},
        )

    def watched(self, lines: Iterator[RawLine]) -> Iterator[RawLine]:
        """The same lines, told as they pass."""
        for line in lines:
            self.passed += line.size
            if line.no % _TELL_LINES == 1:
                self.told(self.passed)
            yield line


def database_read(parts: Parts, place: Path) -> tuple[list[Row], dict[str, Json]]:
    """Read one database.

    Returns:
        Its index rows, and what each session's window says.
    """
    rows: list[Row] = []
    windows: dict[str, Json] = {}
    ledger = parts.ledger
    try:
        with database(place, ledger) as (db, saved):
            if saved:
                ledger.finding("database-damaged", parts.path, detail=saved)
            try:
                rows = node_rows(db, parts.agent)
                windows = windows_of(db)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                ledger.finding("database-damaged", parts.path, detail=f"index: {error}")
            for table, kind in _PARTS.items():
                for session_id in sessions_of(db, table):
                    _part_read(parts, db, table, session_id, kind)
            _archives_read(parts, db, windows)
    except DatabaseUnreadableError as error:
        ledger.finding("database-unreadable", parts.path, detail=str(error))
        ledger.facts_changed("file", parts.number, problem="database-unreadable")
    return rows, windows


def _part_read(parts: Parts, db: sqlite3.Connection, table: str, session_id: str, kind: FileKind) -> None:
    ledger = parts.ledger
    spool = ledger.spool()
    part = f"{table}/{session_id}"
    is_pending = table == "session_pending_inputs"
    file = parts.opened(part, kind, "" if is_pending else session_id, spool)
    strand = ledger.add("strand", file=file, part="pending" if is_pending else "main", facts={})
    reading = (TraceReading if kind is FileKind.TRAJECTORY else Reading)(
        ledger, file, strand, keeps_words=kind is not FileKind.TRAJECTORY
    )
    with spool.open("wb") as copy:
        try:
            reading.read(parts.watched(event_lines(db, table, session_id, copy)))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            ledger.finding("database-damaged", f"{parts.path}#{part}", session_id=session_id, detail=str(error))
    transcript_closed(ledger, reading, header_id=session_id)
    if is_pending and reading.entries:
        ledger.finding("pending-input", parts.path, session_id=session_id, detail=f"{reading.entries} messages")


def _archives_read(parts: Parts, db: sqlite3.Connection, windows: dict[str, Json]) -> None:
    ledger = parts.ledger
    for name, session_id, key, raw, is_packed in archive_blobs(db):
        spool = ledger.spool()
        about = named(name)
        file = parts.opened(f"archive/{name}", about.kind, about.base, spool)
        stamp = about.stamp.isoformat() if about.stamp else None
        ledger.db.execute("UPDATE file SET stamp = ? WHERE id = ?", (stamp, file))
        strand = ledger.add("strand", file=file, part="main", facts={})
        reading = Reading(ledger, file, strand, keeps_words=True)
        stream = io.BytesIO(raw)
        parts.passed += len(raw)
        parts.told(parts.passed)
        try:
            lines_read(reading, Unpacked(stream) if is_packed else stream, spool)
        except BrokenStreamError as error:
            at = f"{parts.path}#archive/{name}"
            ledger.finding("compressed-broken", at, session_id=session_id, detail=str(error))
        transcript_closed(ledger, reading, header_id=reading.header_id or session_id)
        if key:
            windows.setdefault(session_id, {"key": key})
