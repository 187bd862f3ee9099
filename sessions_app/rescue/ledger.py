"""What must be remembered while a store is read, in a temporary SQLite file: files, their lines, strands, findings.

A strand is what can become one session: a line of descent through a transcript. Most files are one strand; a tree with branches has
one for each branch, which begins where it leaves its parent; a transcript with resets inside has one for each stretch.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sessions_app.values import Json

_TABLES = """
CREATE TABLE file(id INTEGER PRIMARY KEY, path TEXT, part TEXT, agent TEXT, kind TEXT, base TEXT, stamp TEXT, own_id TEXT, size INTEGER,
    modified REAL, place TEXT, header_id TEXT, header BLOB, facts TEXT);
CREATE TABLE line(file INTEGER, no INTEGER, offset INTEGER, size INTEGER, strand INTEGER, digest BLOB, eid TEXT, pid TEXT,
    PRIMARY KEY(file, no)) WITHOUT ROWID;
CREATE TABLE bad(file INTEGER, no INTEGER, offset INTEGER, size INTEGER, why TEXT);
CREATE TABLE strand(id INTEGER PRIMARY KEY, file INTEGER, part TEXT, parent INTEGER, parent_no INTEGER, lines INTEGER, facts TEXT);
CREATE INDEX bad_of_file ON bad(file);
CREATE INDEX strand_of_file ON strand(file);
CREATE TABLE finding(id INTEGER PRIMARY KEY, code TEXT, path TEXT, session_key TEXT, session_id TEXT, detail TEXT);
CREATE TABLE words(session TEXT, digest BLOB, PRIMARY KEY(session, digest)) WITHOUT ROWID;
CREATE TABLE run(id TEXT PRIMARY KEY, session TEXT, session_key TEXT, prompt TEXT DEFAULT '', answer TEXT DEFAULT '', by TEXT DEFAULT '',
    at TEXT, file INTEGER, turn TEXT DEFAULT '', before TEXT DEFAULT '');
CREATE INDEX run_of_session ON run(session, at);
"""
_PRAGMAS = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-32000; PRAGMA temp_store=FILE;"


class Ledger:
    """The temporary file, and a directory beside it for what had to be unpacked. Use as a context manager."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="holdfast-rescue-"))
        self.db = sqlite3.connect(self.directory / "ledger.sqlite", isolation_level=None, check_same_thread=False)
        self.db.executescript(_PRAGMAS + _TABLES)
        self.db.execute("BEGIN")
        self._spools = 0

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything."""
        self.db.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def spool(self) -> Path:
        """A new place for unpacked lines."""
        self._spools += 1
        return self.directory / f"spool-{self._spools}"

    def add(self, table: str, **values: Any) -> int:
        """Insert one row; `facts` becomes JSON.

        Returns:
            Its id.
        """
        if "facts" in values:
            values["facts"] = json.dumps(values["facts"])
        marks = ",".join("?" * len(values))
        sql = f"INSERT INTO {table}({','.join(values)}) VALUES ({marks})"  # noqa: S608 - names of ours
        number = self.db.execute(sql, list(values.values())).lastrowid
        assert number is not None
        return number

    def lines(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert lines: (file, no, offset, size, strand, digest, eid, pid)."""
        found = list(rows)
        try:
            self.db.executemany("INSERT INTO line VALUES (?,?,?,?,?,?,?,?)", found)
        except UnicodeEncodeError:  # half of a surrogate pair in an id
            clean = ([_storable(value) for value in row] for row in found)
            self.db.executemany("INSERT OR REPLACE INTO line VALUES (?,?,?,?,?,?,?,?)", clean)

    def finding(self, code: str, path: str = "", *, key: str = "", session_id: str = "", detail: str = "") -> None:
        """Note something that is wrong."""
        words = {"path": path, "session_key": key, "session_id": session_id, "detail": detail[:300]}
        self.add("finding", code=code, **{name: _storable(value) for name, value in words.items()})

    def rows(self, sql: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Rows of a query."""
        yield from self.db.execute(sql, values)

    def one(self, sql: str, *values: Any) -> Any:
        """The first value of the first row; None without one."""
        row = self.db.execute(sql, values).fetchone()
        return row[0] if row else None

    def facts(self, table: str, number: int) -> Json:
        """The facts of a row."""
        found: Json = json.loads(self.one(f"SELECT facts FROM {table} WHERE id = ?", number))  # noqa: S608
        return found

    def facts_changed(self, table: str, number: int, **changes: Any) -> None:
        """Merge into the facts of a row."""
        facts = self.facts(table, number) | changes
        self.db.execute(f"UPDATE {table} SET facts = ? WHERE id = ?", (json.dumps(facts), number))  # noqa: S608


def _storable(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
