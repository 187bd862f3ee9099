"""A torn database: rows straight from its pages, because one broken page above hides all below it from SQLite itself.

The format is SQLite's own (https://www.sqlite.org/fileformat2.html): leaf pages of tables hold whole rows. Which table a row is of is told by
its columns. Pages on the list of free ones are passed over where that list can be read: what was deleted stays deleted.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sessions_app.rescue.places import opened

_LEAF = 13
_HEADER_BYTES = 100
_PAGE_DEFAULT = 4096
_PAGES_MAX = 1 << 26
_PAYLOAD_MAX = 64 << 20
_INT_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8}
_ID = re.compile(rb"[\x21-\x7e]{1,200}\Z")
_SCOPES = {b"conversation", b"shared-main", b"group", b"channel"}
_STORAGES = {b"file", b"sqlite"}
_ENDS = {b"deleted", b"reset"}
_CHECKED = ("session_nodes", "session_windows", "transcript_events", "trajectory_runtime_events")
_TABLES = """
CREATE TABLE session_nodes(session_key, current_session_id, entry_json, PRIMARY KEY(session_key));
CREATE TABLE session_windows(session_id, session_key, previous_session_id, reason, created_at, PRIMARY KEY(session_id));
CREATE TABLE transcript_events(session_id, seq, event_json, event_zstd, PRIMARY KEY(session_id, seq));
CREATE TABLE trajectory_runtime_events(session_id, seq, event_json, PRIMARY KEY(session_id, seq));
CREATE TABLE session_pending_inputs(session_id, seq, message_json, consumed_event_id, PRIMARY KEY(seq));
CREATE TABLE session_transcript_cold_archives(archive_name, session_id, archive_blob, PRIMARY KEY(archive_name));
CREATE TABLE session_transcript_archives(archive_name, session_id, session_key, encoding, archive_blob, PRIMARY KEY(archive_name));
"""
Record = list[Any]


def is_torn(db: sqlite3.Connection) -> bool:
    """Whether a database is damaged anywhere, or an index of what is read does not name all of its rows. Reads all of it."""
    db.create_function("octet_length", 1, _octets, deterministic=True)  # its own checks use it; older libraries lack it
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] not in (b"ok", "ok"):
            return True
        return any(
            db.execute(f"PRAGMA integrity_check({table})").fetchone()[0] not in (b"ok", "ok") for table in _CHECKED
        )
    except sqlite3.OperationalError as error:  # another version of the schema has no such table: no damage
        return "no such" not in str(error)
    except (sqlite3.DatabaseError, UnicodeDecodeError):  # a message may quote what is broken
        return True


def rows_saved(source: Path, place: Path) -> int:
    """Write what the pages of a torn database still hold into a new one.

    Args:
        source: the torn one; read only.
        place: where the new one is made.

    Returns:
        How many rows.

    Raises:
        OSError: the file cannot be read.
    """
    with opened(str(source)) as stream, sqlite3.connect(place, isolation_level=None) as fresh:
        fresh.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN; {_TABLES}")
        for rowid, record in _Pages(stream).records():
            for table, values in _as_row(rowid, record):
                marks = ",".join("?" * len(values))
                fresh.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)  # noqa: S608 - names of ours
        saved = fresh.total_changes
        fresh.execute("COMMIT")
    fresh.close()
    return saved


def _octets(value: Any) -> int | None:
    return None if value is None else len(value if isinstance(value, bytes) else str(value).encode())


class _Pages:
    """The pages of a file, as far as they can be read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        head = self._read(0, _HEADER_BYTES)
        size = int.from_bytes(head[16:18], "big")
        size = 65536 if size == 1 else size
        has_header = head.startswith(b"SQLite format 3\x00")
        self.size = size if 512 <= size <= 65536 and size & (size - 1) == 0 else _PAGE_DEFAULT
        self.usable = self.size - (head[20] if has_header and len(head) > 20 else 0)
        self._free = self._freed(int.from_bytes(head[32:36], "big")) if has_header else set()

    def _read(self, offset: int, size: int) -> bytes:
        self._stream.seek(offset)
        return self._stream.read(size) or b""

    def page(self, number: int) -> bytes:
        """A page, counted from 1; short or empty behind the end."""
        return self._read((number - 1) * self.size, self.size)

    def _freed(self, trunk: int) -> set[int]:
        found: set[int] = set()
        while trunk and trunk not in found:
            found.add(trunk)
            page = self.page(trunk)
            count = min(int.from_bytes(page[4:8], "big"), self.usable // 4 - 2)
            found |= {int.from_bytes(page[8 + 4 * n : 12 + 4 * n], "big") for n in range(max(count, 0))}
            trunk = int.from_bytes(page[:4], "big")
        return found

    def records(self) -> Iterator[tuple[int, Record]]:
        """(row id, columns) of every row that stands whole on a leaf page of a table."""
        for number in range(1, _PAGES_MAX):
            page = self.page(number)
            if not page:
                return
            start = _HEADER_BYTES if number == 1 else 0
            if len(page) <= start + 8 or page[start] != _LEAF or number in self._free:
                continue
            for n in range(int.from_bytes(page[start + 3 : start + 5], "big")):
                at = start + 8 + 2 * n
                try:
                    yield self._record(page, int.from_bytes(page[at : at + 2], "big"))
                except (IndexError, ValueError):
                    continue

    def _record(self, page: bytes, at: int) -> tuple[int, Record]:
        size, at = _varint(page, at)
        rowid, at = _varint(page, at)
        if not 0 < size <= _PAYLOAD_MAX:
            raise ValueError("no payload of a row")
        most, least = self.usable - 35, (self.usable - 12) * 32 // 255 - 23
        local = size
        if size > most:
            local = least + (size - least) % (self.usable - 4)
            local = local if local <= most else least
        payload = page[at : at + local]
        if size > local:
            payload += self._overflow(int.from_bytes(page[at + local : at + local + 4], "big"), size - local)
        if len(payload) != size:
            raise ValueError("cut")
        return rowid, _columns(payload)

    def _overflow(self, number: int, size: int) -> bytes:
        parts, seen = [], set[int]()
        while size > 0:
            if number == 0 or number in seen:
                raise ValueError("the chain of pages breaks off")
            seen.add(number)
            page = self.page(number)
            parts.append(page[4 : 4 + min(size, self.usable - 4)])
            if len(page) < 4 or not parts[-1]:
                raise ValueError("the chain of pages breaks off")
            size -= len(parts[-1])
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(8):
        byte = data[at + n]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    return value << 8 | data[at + 8], at + 9


def _columns(payload: bytes) -> Record:
    """The values of a record; text stays bytes, a blob is a bytearray."""
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: Record = []
    at = end
    for kind in kinds:
        size = (kind - 12) // 2 if kind >= 12 else _INT_BYTES.get(kind, 0)
        raw = payload[at : at + size]
        if len(raw) != size or kind in (10, 11):
            raise ValueError("no record")
        if kind >= 12:
            values.append(raw if kind % 2 else bytearray(raw))
        else:
            values.append(
                None if kind == 0 else kind - 8 if kind in (8, 9) else int.from_bytes(raw, "big", signed=True)
            )
        at += size
    return values


def _as_row(rowid: int, record: Record) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Which table a record is of, and its row there; nothing for any other."""
    r = [*record, *[None] * max(0, 12 - len(record))]
    if len(record) >= 10 and _is_id(r[0]) and _is_id(r[1]) and r[4] in _SCOPES:
        yield "session_windows", (_str(r[0]), r[1], r[2], r[3], r[5])
    elif len(record) >= 10 and _is_id(r[1]) and _is_json(r[2]) and r[4] in (-1, 0, 1):
        yield "session_nodes", (r[0], r[1], r[2])
    elif len(record) >= 8 and r[3] in _ENDS and r[4] in (b"identity", b"zstd"):
        yield "session_transcript_archives", (r[7], _str(r[0]), r[2], r[4], bytes(r[5] or b""))
    elif len(record) >= 10 and _is_id(r[0]) and r[9] in _STORAGES:
        yield "session_transcript_cold_archives", (r[2], _str(r[0]), None if r[10] is None else bytes(r[10]))
    elif len(record) >= 11 and r[0] is None and _is_id(r[3]) and _is_json(r[7]):
        yield "session_pending_inputs", (_str(r[3]), rowid, r[7], r[11])
    elif _is_id(r[0]) and isinstance(r[1], int) and isinstance(r[3], int) and 4 <= len(record) <= 8:
        if _is_json(r[2]) or isinstance(r[4], bytearray):
            yield "transcript_events", (_str(r[0]), r[1], r[2], bytes(r[4]) if isinstance(r[4], bytearray) else None)
    elif len(record) == 5 and _is_id(r[0]) and isinstance(r[1], int) and _is_json(r[3]):
        yield "trajectory_runtime_events", (_str(r[0]), r[1], r[3])


def _is_id(value: Any) -> bool:
    return isinstance(value, bytes) and _ID.match(value) is not None


def _is_json(value: Any) -> bool:
    return isinstance(value, bytes) and value.startswith(b"{")


def _str(value: bytes) -> str:
    return value.decode("utf-8", "replace")
