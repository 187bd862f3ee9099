"""Broken pages of a SQLite file: everything that can still be read goes into a new file, which takes the old one's place.

The old file stays beside it under another name. Rows are copied inside SQLite, byte for byte, by ranges of their row ids; a range that
cannot be read is halved until only what lies on the broken page is left out. Indexes and guards are made again, the search index too.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from django.utils import timezone

from sessions_app.errors import InvalidParamsError, StorageUnavailableError
from sessions_app.runtime.flushing import flushed
from sessions_app.values import Json

FAILURES_MAX = 200_000  # of reading one table; then the rest of it is given up
_SEARCH = "sessions_app_search"  # made again from the entries
_BESIDE = ("-wal", "-shm")
_UNKNOWN_LAST = 1 << 31


@dataclass(slots=True)
class _Copying:
    """One new file that is being filled."""

    raw: sqlite3.Connection
    copied: dict[str, int] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)

    def table(self, name: str) -> None:
        """Copy what can be read of a table."""
        columns = ", ".join(_quoted(row[1]) for row in self.raw.execute(f"PRAGMA main.table_info({_quoted(name)})"))
        insert = (
            f"INSERT OR IGNORE INTO main.{_quoted(name)} ({columns}) "  # noqa: S608 - names the database gave
            f"SELECT {columns} FROM broken.{_quoted(name)} WHERE rowid BETWEEN ? AND ?"
        )
        self.copied[name], failures = 0, 0
        waiting = [self._bounds(name)]
        while waiting:
            first, last = waiting.pop()
            if first > last:
                continue
            try:
                self.copied[name] += self.raw.execute(insert, (first, last)).rowcount
            except sqlite3.DatabaseError:
                failures += 1
                if failures > FAILURES_MAX:
                    self.given_up.append(name)
                    return
                if first < last:
                    middle = (first + last) // 2
                    waiting += [(middle + 1, last), (first, middle)]

    def _bounds(self, name: str) -> tuple[int, int]:
        ends = []
        for order, unknown in (("ASC", 1), ("DESC", _UNKNOWN_LAST)):
            sql = f"SELECT rowid FROM broken.{_quoted(name)} ORDER BY rowid {order} LIMIT 1"  # noqa: S608 - as above
            try:
                row = self.raw.execute(sql).fetchone()
            except sqlite3.DatabaseError:
                row = (unknown,)
            if row is None:
                return 1, 0
            ends.append(row[0])
        return ends[0], ends[1]


def database_salvage(path: Path) -> Json:
    """Put a new file in the place of a broken one. Nobody else may have it open.

    Args:
        path: the database.

    Returns:
        {rows: {table: copied}, givenUp: [table], kept: path of the old file}.

    Raises:
        InvalidParamsError: its list of tables cannot be read, so nothing was done: only a backup helps.
        StorageUnavailableError: the new file could not be written; the old one is as it was.
    """
    fresh = path.with_name(f"{path.name}.salvaged")
    for end in ("", *_BESIDE):
        fresh.with_name(fresh.name + end).unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(fresh, isolation_level=None)) as raw:
            copying = _filled(raw, path)
    except (sqlite3.Error, OSError) as error:
        fresh.unlink(missing_ok=True)
        raise StorageUnavailableError(
            f"The new file could not be written: {error}. The old one is as it was."
        ) from error
    fresh.chmod(0o600)
    flushed(fresh)
    kept = path.with_name(f"{path.name}.broken-{timezone.now():%Y%m%dT%H%M%SZ}")
    os.link(path, kept)
    for end in _BESIDE:  # they belong to the old file; beside the new one they would spoil it
        old = path.with_name(path.name + end)
        if old.exists():
            old.rename(kept.with_name(kept.name + end))
    fresh.replace(path)  # at no moment there is no database: a start would make a new, empty one
    flushed(path.parent)
    return {"rows": copying.copied, "givenUp": copying.given_up, "kept": str(kept)}


def _filled(raw: sqlite3.Connection, path: Path) -> _Copying:
    raw.execute("ATTACH ? AS broken", [str(path)])
    raw.execute("PRAGMA ignore_check_constraints = ON")  # damage inside a row is told by the doctor, not dropped here
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        wanted = raw.execute(_SCHEMA).fetchall()
    except sqlite3.DatabaseError as error:
        words = f"The list of tables itself cannot be read ({error}). Restore the newest backup that verifies."
        raise InvalidParamsError(words) from error
    copying = _Copying(raw)
    raw.execute(
        "PRAGMA journal_mode = MEMORY"
    )  # a statement of its own each: what fails half-way takes only itself back
    raw.execute("PRAGMA synchronous = OFF")  # flushed as a whole before it takes the old one's place
    for kind in ("table", "index", "trigger"):
        for name, sql in _of_kind(wanted, kind):
            raw.execute(sql)
            if kind == "table" and not name.startswith(_SEARCH):
                copying.table(name)
    raw.execute("DETACH broken")
    problem = raw.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise sqlite3.DatabaseError(problem)
    raw.execute("PRAGMA journal_mode = WAL")
    return copying


def _of_kind(wanted: list[tuple[str, str, str]], kind: str) -> Iterator[tuple[str, str]]:
    """Statements that make everything of one kind; the parts of the search index are made by its own."""
    parts = tuple(f"{name}_" for what, name, sql in wanted if what == "table" and "VIRTUAL" in sql[:20].upper())
    for what, name, sql in wanted:
        if what == kind and not (parts and name.startswith(parts)):
            yield name, sql


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_SCHEMA = (
    "SELECT type, name, sql FROM broken.sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
)
