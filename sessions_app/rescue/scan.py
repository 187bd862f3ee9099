"""Reading a whole store into a ledger: nothing is written into its directory, and nothing in it is believed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from sessions_app.rescue.databases import Parts, database_read
from sessions_app.rescue.index import INDEX_MAX_BYTES, Row, index_rows
from sessions_app.rescue.intake import lines_read, transcript_closed
from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.lines import BrokenStreamError, Readable, Unpacked, parsed, raw_lines
from sessions_app.rescue.looks import looks_like_transcript
from sessions_app.rescue.messages import storable
from sessions_app.rescue.names import LINED, TRANSCRIPTS, FileKind, Name, is_surely_transcript, named, parts_of
from sessions_app.rescue.places import Found, directory_checked, files_below, opened
from sessions_app.rescue.reading import Reading
from sessions_app.rescue.recovered import turns_recovered
from sessions_app.rescue.trajectories import TraceReading
from sessions_app.values import Json

Progress = Callable[[int, int, str], None]


@dataclass
class Store:
    """A store that was read. Close it by closing its ledger.

    Attributes:
        root: the real path of its directory.
        ledger: what was read.
        rows: rows of every index, primary ones first.
        windows: of the SQLite era: what each session's window says.
    """

    root: Path
    ledger: Ledger
    rows: list[Row] = field(default_factory=list)
    windows: dict[str, Json] = field(default_factory=dict)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_error: object) -> None:
        self.ledger.close()


def _silent(_done: int, _total: int, _path: str) -> None:
    """Nobody watches."""


def store_read(path: str | Path, progress: Progress = _silent) -> Store:
    """Read a directory.

    Args:
        path: `~/.openclaw`, or any directory below or above it.
        progress: told (bytes done, bytes in all, path) while lines are read, and after each file.

    Raises:
        NotFoundError, InvalidParamsError: it is no directory. Damage inside is no error, it is in the findings.
    """
    root = directory_checked(path)
    store = Store(root, Ledger())
    try:
        _all_read(store, progress)
    except BaseException:
        store.ledger.close()
        raise
    return store


def _all_read(store: Store, progress: Progress) -> None:
    ledger = store.ledger
    numbers, names = [], {}
    for found in files_below(store.root):
        name = _name_of(store, found)
        numbers.append((_noted(store, found, name), found))
        names[numbers[-1][0]] = name
    _logs_alone(ledger, numbers, names)
    total, done = sum(found.size for _, found in numbers), 0
    keeps_words = any(name.kind in {FileKind.TRAJECTORY, FileKind.DATABASE} for name in names.values())
    order = [FileKind.INDEX, FileKind.INDEX_BACKUP, FileKind.TEMP]
    numbers.sort(key=lambda pair: order.index(names[pair[0]].kind) if names[pair[0]].kind in order else len(order))
    for number, found in numbers:
        name = names[number]
        if not found.problem:
            told = _Told(progress, done, total, found)
            _file_read(store, number, found, name, keeps_words=keeps_words, told=told)
        done += found.size
        progress(done, total, found.path)
    _older_rows_used(store)
    turns_recovered(ledger)


def _logs_alone(ledger: Ledger, numbers: list[tuple[int, Found]], names: dict[int, Name]) -> None:
    """A write-ahead log whose database is gone is read as that database: it holds whole pages."""
    paths = {found.path for _, found in numbers}
    for number, found in numbers:
        main = found.path.removesuffix("-wal")
        if found.size and not found.problem and main not in paths and main.endswith(".sqlite") and main != found.path:
            names[number] = replace(names[number], kind=FileKind.DATABASE)
            ledger.db.execute("UPDATE file SET kind = ? WHERE id = ?", (str(FileKind.DATABASE), number))
            ledger.finding("database-damaged", found.path, detail="only its write-ahead log is left")


def _older_rows_used(store: Store) -> None:
    """Where an agent has no rows any more, those of its older indexes count: an unreadable index is overwritten with an empty one."""
    there = {row.agent for row in store.rows if row.is_primary}
    older = {row.agent for row in store.rows if row.entry} - there
    for number, row in enumerate(store.rows):
        if row.entry and row.agent in older:
            store.rows[number] = replace(row, is_primary=True, is_older=True)
    for agent in sorted(older):
        store.ledger.finding("older-index-used", detail=f"agent {agent}")


def _name_of(store: Store, found: Found) -> Name:
    """What a file is; one that is only called like a transcript must look like one."""
    name = named(found.path, str(store.root))
    if name.kind is not FileKind.TRANSCRIPT or found.problem or is_surely_transcript(found.path, str(store.root)):
        return name
    try:
        return name if looks_like_transcript(found.place, is_zstd=name.is_zstd) else Name(FileKind.OTHER, name.agent)
    except OSError:
        return name


def _noted(store: Store, found: Found, name: Name) -> int:
    kind = FileKind.OTHER if found.problem else name.kind
    stamp = name.stamp.isoformat() if name.stamp else None
    if found.problem and not (name.kind is FileKind.OTHER and parts_of(found.path)):
        store.ledger.finding(found.problem, found.path)
    return store.ledger.add(
        "file",
        path=found.path,
        part="",
        agent=name.agent,
        kind=str(kind),
        base=name.base,
        stamp=stamp,
        own_id=name.own_id,
        size=found.size,
        modified=found.modified,
        place=os.fsencode(found.place),
        header_id="",
        facts={"problem": found.problem},
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """Tells how far one file is read."""

    progress: Progress
    before: int
    total: int
    found: Found

    def __call__(self, size: int) -> None:
        self.progress(self.before + min(size, self.found.size), self.total, self.found.path)


class _Watched:
    """What is read of a file, itself or unpacked; each piece tells how far the file is read."""

    def __init__(self, stream: Readable, file: BinaryIO, told: _Told) -> None:
        self._stream, self._file, self._told = stream, file, told

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._told(self._file.tell())
        return chunk


def _file_read(store: Store, number: int, found: Found, name: Name, *, keeps_words: bool, told: _Told) -> None:
    try:
        if name.kind in LINED:
            _lined_read(store, number, found, name, keeps_words=keeps_words, told=told)
        elif name.kind is FileKind.DATABASE:
            _database(store, number, found, name, told)
        elif name.kind in {FileKind.INDEX, FileKind.INDEX_BACKUP} or _is_index_leftover(found):
            _index_read(store, found, name)
        elif name.kind is FileKind.CRON_RUNS:
            _cron_runs(store, found, name)
    except OSError as error:
        store.ledger.finding("unreadable-file", found.path, detail=type(error).__name__)
        store.ledger.facts_changed("file", number, problem="unreadable-file")


def _is_index_leftover(found: Found) -> bool:
    return found.path.rsplit("/", 1)[-1].startswith("sessions.json.")


def _lined_read(store: Store, number: int, found: Found, name: Name, *, keeps_words: bool, told: _Told) -> None:
    ledger = store.ledger
    strand = ledger.add("strand", file=number, part="main", facts={})
    kind = TraceReading if name.kind is FileKind.TRAJECTORY else Reading
    reading = kind(ledger, number, strand, keeps_words=keeps_words and name.kind in TRANSCRIPTS)
    with opened(found.place) as file:
        if name.is_zstd:
            unpacked = ledger.spool()
            ledger.db.execute("UPDATE file SET place = ? WHERE id = ?", (str(unpacked), number))
            try:
                lines_read(reading, _Watched(Unpacked(file), file, told), unpacked)
            except BrokenStreamError as error:
                ledger.finding("compressed-broken", found.path, detail=str(error))
        else:
            reading.read(raw_lines(_Watched(file, file, told)))
    transcript_closed(ledger, reading)


def _index_read(store: Store, found: Found, name: Name) -> None:
    is_primary = name.kind is FileKind.INDEX
    with opened(found.place) as stream:
        raw = bytearray()
        while len(raw) < INDEX_MAX_BYTES and (chunk := stream.read(1 << 20)):
            raw += chunk
    rows, problem = index_rows(bytes(raw), name.agent, is_primary=is_primary)
    if problem and is_primary:
        store.ledger.finding(problem, found.path)
    store.rows += rows


def _database(store: Store, number: int, found: Found, name: Name, told: _Told) -> None:
    parts = Parts(store.ledger, number, name.agent, found.path, told)
    rows, windows = database_read(parts, Path(os.fsdecode(found.place).removesuffix("-wal")))
    is_primary = found.path.removesuffix("-wal").endswith(".sqlite")
    store.rows += rows if is_primary else [replace(row, is_primary=False) for row in rows]
    store.windows = (store.windows | windows) if is_primary else (windows | store.windows)


def _cron_runs(store: Store, found: Found, name: Name) -> None:
    """The log of a schedule's runs tells which session had which key."""
    with opened(found.place) as stream:
        for line in raw_lines(stream):
            value, problem = parsed(line.raw or b"")
            if problem or not isinstance(value, dict):
                continue
            session, key = value.get("sessionId"), value.get("sessionKey")
            if isinstance(session, str) and isinstance(key, str):
                store.rows.append(
                    Row(name.agent, storable(key), storable(session), storable(session), is_primary=False)
                )
