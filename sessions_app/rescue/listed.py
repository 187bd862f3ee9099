"""Long lists of a report, kept in the ledger: a store may have more rows than memory should hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from sessions_app.rescue.ledger import Ledger
from sessions_app.values import Json


class Listed(Sequence[Json]):
    """Rows of one list, in order. They are there as long as the ledger is."""

    def __init__(self, ledger: Ledger, rows: Iterable[Json]) -> None:
        self._ledger = ledger
        ledger.db.execute("CREATE TABLE IF NOT EXISTS listed(id INTEGER PRIMARY KEY, row TEXT NOT NULL)")
        self._before = self._last()
        ledger.db.executemany("INSERT INTO listed(row) VALUES (?)", ((json.dumps(row),) for row in rows))
        self._count = self._last() - self._before

    def _last(self) -> int:
        return int(self._ledger.one("SELECT coalesce(max(id), 0) FROM listed"))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Json]:
        sql = "SELECT row FROM listed WHERE id > ? AND id <= ? ORDER BY id"
        for (row,) in self._ledger.rows(sql, self._before, self._before + self._count):
            yield json.loads(row)

    @overload
    def __getitem__(self, index: int) -> Json: ...
    @overload
    def __getitem__(self, index: slice) -> list[Json]: ...
    def __getitem__(self, index: int | slice) -> Json | list[Json]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self._count))]
        number = range(self._count)[index]
        found: Json = json.loads(self._ledger.one("SELECT row FROM listed WHERE id = ?", self._before + number + 1))
        return found


def report_whole(report: Json) -> Json:
    """A report with plain lists, which outlive the ledger."""
    return {name: list(value) if isinstance(value, Listed) else value for name, value in report.items()}


def json_pieces(document: Any, *, ensure_ascii: bool = True, indent: int | None = None) -> Iterator[str]:
    """A document as JSON, piece by piece; long lists in it are not loaded."""
    encoder = json.JSONEncoder(ensure_ascii=ensure_ascii, indent=indent)
    if not isinstance(document, dict) or not any(isinstance(value, Listed) for value in document.values()):
        yield from encoder.iterencode(document)
        return
    outer, inner = ("\n" + " " * (indent * depth) if indent else "" for depth in (1, 2))
    comma = "," if indent else ", "
    for number, (name, value) in enumerate(document.items()):
        yield f"{comma if number else '{'}{outer}{encoder.encode(name)}: "
        if not isinstance(value, Listed):
            yield encoder.encode(value).replace("\n", outer)  # a line end inside a string is written as \\n
            continue
        for place, row in enumerate(value):
            yield f"{comma if place else '['}{inner}{encoder.encode(row).replace(chr(10), inner)}"
        yield f"{outer}]" if value else "[]"
    yield "\n}" if indent else "}"
