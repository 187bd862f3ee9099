"""The doctor's own eyes: rows as they lie in the database, read past Django, so that nothing unreadable stops the reading.

SQLite is opened read-only by a connection of its own, which changes nothing and gives text as bytes. On PostgreSQL, which lets no
broken text in, it is Django's connection. Either way one transaction: a server may go on writing meanwhile.
"""

from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction

Row = tuple[Any, ...]
PAGE_ROWS = 100  # entries may be 256 KiB each
UNREADABLE = (sqlite3.Error, DatabaseError)


class Source:
    """A database that is only read.

    Args:
        raw: the doctor's own connection to SQLite; None for PostgreSQL.
    """

    def __init__(self, raw: sqlite3.Connection | None) -> None:
        self.raw = raw

    @property
    def is_sqlite(self) -> bool:
        """Whether there are PRAGMAs to ask."""
        return self.raw is not None

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a short answer; placeholders are `?` on both engines.

        Raises:
            sqlite3.Error, DatabaseError: the database could not give them.
        """
        if self.raw is not None:
            return list(self.raw.execute(sql, list(values)))
        with connection.cursor() as cursor:
            cursor.execute(sql.replace("%", "%%").replace("?", "%s"), list(values))
            return list(cursor.fetchall())

    def pages(self, sql: str, values: Sequence[Any], *, start: Any, column: int = 0) -> Iterator[Row]:
        """Rows of a long answer, in constant memory.

        Args:
            sql: ends with `> ? ORDER BY ... LIMIT ?` over a column that it selects.
            values: for the placeholders before those two.
            start: rows after this.
            column: which column of a row is the next start.
        """
        while True:
            page = self.rows(sql, [*values, start, PAGE_ROWS])
            yield from page
            if len(page) < PAGE_ROWS:
                return
            start = as_key(page[-1][column])

    def names(self, kind: str) -> set[str]:
        """Names of what the database has of a kind: `table` or `trigger`."""
        if self.is_sqlite:
            return {text_of(row[0]) for row in self.rows("SELECT name FROM sqlite_master WHERE type = ?", [kind])}
        if kind == "trigger":
            return {row[0] for row in self.rows("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")}
        return set(connection.introspection.table_names())


@contextmanager
def opened() -> Iterator[Source]:
    """The database of this place, read-only.

    Raises:
        FileNotFoundError: there is none.
        sqlite3.Error, DatabaseError: it cannot be opened.
    """
    path = database_path()
    if path is None:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield Source(None)
        return
    with opened_file(path) as source:
        yield source


@contextmanager
def opened_file(path: Path) -> Iterator[Source]:
    """A SQLite file, read-only; as `opened`."""
    if not path.exists():
        raise FileNotFoundError(path)
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=20)) as raw:
        raw.isolation_level = None
        raw.text_factory = bytes
        raw.execute("PRAGMA query_only = ON")
        raw.execute("BEGIN")
        yield Source(raw)


def database_path() -> Path | None:
    """The SQLite file of this place; None on PostgreSQL."""
    if connection.vendor != "sqlite":
        return None
    return Path(str(connection.settings_dict["NAME"])) if connection.settings_dict["NAME"] else settings.DATA_DIR


def as_key(value: Any) -> Any:
    """An id or number as it can be asked for again."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def text_of(value: Any) -> str:
    """Text for people, whatever lies there."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def is_text(value: Any) -> bool:
    """Whether a text column holds text."""
    if isinstance(value, str):
        return True
    try:
        return isinstance(value, bytes) and bool(value.decode("utf-8") or True)
    except UnicodeDecodeError:
        return False


def json_of(value: Any) -> Any:
    """What a JSON column holds.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(value) if isinstance(value, bytes | str) else value
    except RecursionError as error:
        raise ValueError(str(error)) from error


def time_of(value: Any) -> datetime.datetime:
    """What a time column holds, aware.

    Raises:
        ValueError: it is no time.
    """
    if isinstance(value, bytes):
        value = datetime.datetime.fromisoformat(value.decode("utf-8"))
    if not isinstance(value, datetime.datetime):
        raise ValueError(str(value)[:80])
    return value if value.tzinfo else value.replace(tzinfo=datetime.UTC)


def id_of(value: Any) -> str:
    """A UUID column, as people and clients write it; what is none is given as it is."""
    try:
        return str(value if isinstance(value, UUID) else UUID(text_of(value)))
    except ValueError:
        return text_of(value)[:64]
