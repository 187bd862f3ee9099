"""The words of the search index, on SQLite (FTS5) and PostgreSQL (tsvector with a GIN index), behind one interface.

Both are given the same words by `values/analysis.py`, so both find the same. A row holds, beside its words, marks that no text can
hold: what it belongs to (`.k…` conversation, `.o…` owner, `.s…` session, `.r…` role, `.a…` agent; `.c…` is a character of a script without spaces). A filter is therefore one more term
of the same lookup, and the newest are met first whatever is filtered. What is found may hold a little more than what was asked for (a
phrase in a very long text): `search.py` looks again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from django.db import DatabaseError, connection, transaction

from sessions_app.models import SearchRow
from sessions_app.values.analysis import Term

POSITION_MAX = 2**63 - 1
SECOND_SHIFT = 20  # bits of a position below its seconds
_BLOCK_SHIFTS = (6, 10, 14, 18, 22, 26, 30)  # a minute, 17 minutes, 5 hours, 3 days, 49 days, 2 years, 34 years
_BLOCKS_MAX = 16
_WINDOWS = (1_000, 16_000)  # rows looked at first, newest to oldest, before all that are older
_TSVECTOR_MAX_WORDS = 16_000  # PostgreSQL knows no position beyond 16,383
_TSVECTOR_MAX_PLACES = 255
_TSVECTOR_MAX_BYTES = 900_000
_LONG = ".long"


@dataclass(frozen=True, slots=True)
class Document:
    """What is indexed of one entry."""

    position: int
    entry_id: int
    marks: Sequence[str]
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for: all of these terms and marks, and one mark of each group."""

    terms: Sequence[Term]
    marks: Sequence[str] = ()
    groups: Sequence[Sequence[str]] = ()


class SearchEngine(Protocol):
    """Finds positions by words. `add` and `clear` are called by `services/search.py` alone, in its transaction."""

    def find(self, wish: Wish, *, below: int, floor: int, limit: int) -> list[int]:
        """Positions from `floor` to before `below`, newest first, at most `limit`."""
        ...

    def add(self, documents: Sequence[Document]) -> None:
        """Index documents whose positions are new."""
        ...

    def clear(self) -> None:
        """Forget all."""
        ...


def search_engine() -> SearchEngine:
    """The engine of the database in use."""
    return _PostgresEngine() if connection.vendor == "postgresql" else _SqliteEngine()


class _SqliteEngine:
    """FTS5 without a copy of the text. It walks the lists of its terms from the newest row on and stops at the limit."""

    def find(self, wish: Wish, *, below: int, floor: int, limit: int) -> list[int]:
        parts = [f'"{mark}"' for mark in wish.marks]
        parts += [_ftsphrase(term) for term in wish.terms]
        parts += ["(" + " OR ".join(f'"{mark}"' for mark in group) + ")" for group in wish.groups]
        return _positions(
            _FTS_FIND,
            [" AND ".join(parts), below, floor, limit],
        )

    def add(self, documents: Sequence[Document]) -> None:
        rows = [(each.position, " ".join([*each.marks, *each.words])) for each in documents]
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO sessions_app_searchtext (rowid, words) VALUES (%s, %s)", rows)

    def clear(self) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("INSERT INTO sessions_app_searchtext (sessions_app_searchtext) VALUES ('delete-all')")
        except DatabaseError:  # so damaged that it cannot even be emptied, or dropped
            _shadows_replaced()


class _PostgresEngine:
    """A GIN index knows no order, so the newest rows are looked through first: marks for blocks of time (`.t…`) bound each look.

    Common words end in the first window. Only a word that is rare among the newest 17,000 is looked up among all.
    """

    def find(self, wish: Wish, *, below: int, floor: int, limit: int) -> list[int]:
        parts = [f"'{mark}'" for mark in wish.marks]
        parts += [_tsphrase(term) for term in wish.terms]
        parts += ["(" + " | ".join(f"'{mark}'" for mark in group) + ")" for group in wish.groups]
        found: list[int] = []
        for size in _WINDOWS:
            top, edge = _window(below, floor, size)
            if top < floor:
                return found
            found += _looked(parts, top + 1, edge, limit - len(found))
            if len(found) >= limit or edge <= floor:
                return found
            below = edge
        return found + _looked(parts, below, floor, limit - len(found))

    def add(self, documents: Sequence[Document]) -> None:
        rows = [(each.position, _tsvector(each)) for each in documents]
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO sessions_app_searchtext (position, words) VALUES (%s, %s::tsvector)", rows)

    def clear(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM sessions_app_searchtext")


def _shadows_replaced() -> None:
    """Give the FTS5 table the inner tables of an empty one made by the same words."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'sessions_app_searchtext'")
        cursor.execute(cursor.fetchone()[0].replace("sessions_app_searchtext", "search_fresh", 1))
        for part in ("data", "idx", "config"):
            cursor.execute(f"DELETE FROM sessions_app_searchtext_{part}")  # noqa: S608 - names of our own
            cursor.execute(f"INSERT INTO sessions_app_searchtext_{part} SELECT * FROM search_fresh_{part}")  # noqa: S608
        cursor.execute("DROP TABLE search_fresh")


def _positions(sql: str, values: list[str | int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]


def _ftsphrase(term: Term) -> str:
    return f'"{term.mark or " ".join(term.words)}"' + (" *" if term.is_prefix and not term.mark else "")


def _tsphrase(term: Term) -> str:
    if term.mark:
        return f"'{term.mark}'"
    words = [f"'{word}'" for word in term.words]
    if term.is_prefix:
        words[-1] += ":*"
    return words[0] if len(words) == 1 else f"({' <-> '.join(words)} | ('{_LONG}' & {' & '.join(words)}))"


def _tsvector(document: Document) -> str:
    """A document in PostgreSQL's spelling; a very long one without the places of its words."""
    places: dict[str, list[int]] = {}
    for number, word in enumerate(document.words, 1):
        places.setdefault(word, []).append(number)
    has_places = len(document.words) <= _TSVECTOR_MAX_WORDS
    marks = [*document.marks, *_blocks(document.position, document.position, all_sizes=True)]
    parts = [f"'{mark}'" for mark in (marks if has_places else [*marks, _LONG])]
    room = _TSVECTOR_MAX_BYTES
    for word, numbers in places.items():
        room -= len(word.encode()) + 6 + (2 * min(len(numbers), _TSVECTOR_MAX_PLACES) if has_places else 0)
        if room < 0:
            break
        parts.append(f"'{word}'" + (":" + ",".join(map(str, numbers[:_TSVECTOR_MAX_PLACES])) if has_places else ""))
    return " ".join(parts)


def _blocks(low: int, high: int, *, all_sizes: bool = False) -> list[str]:
    """Marks of the blocks of time that cover two positions and what lies between, of the smallest size that needs few."""
    first, last = low >> SECOND_SHIFT, high >> SECOND_SHIFT
    marks = []
    for shift in _BLOCK_SHIFTS:
        count = (last >> shift) - (first >> shift) + 1
        if count <= _BLOCKS_MAX:
            marks += [f".t{shift}x{(first >> shift) + n:x}" for n in range(count)]
            if not all_sizes:
                break
    return marks


def _window(below: int, floor: int, size: int) -> tuple[int, int]:
    """The newest position before `below`, and the one `size` rows further back; -1 when nothing is there. Two queries."""
    rows = SearchRow.objects.filter(position__lt=below, position__gte=floor).order_by("-position")
    positions = rows.values_list("position", flat=True)
    top = positions.first()
    if top is None:
        return -1, floor
    edge = positions[size : size + 1]
    return top, next(iter(edge), floor)


def _looked(parts: list[str], below: int, floor: int, limit: int) -> list[int]:
    """Positions by GIN alone, put in order afterwards: the planner would else walk all positions for a rare word."""
    blocks = _blocks(floor, below) if floor > 0 else []
    wanted = [*parts, "(" + " | ".join(f"'{mark}'" for mark in blocks) + ")"] if blocks else parts
    return _positions(_GIN_FIND, [" & ".join(wanted), below, floor, limit])


_FTS_FIND = """
    SELECT rowid FROM sessions_app_searchtext WHERE sessions_app_searchtext MATCH %s AND rowid < %s AND rowid >= %s
    ORDER BY rowid DESC LIMIT %s
"""
_GIN_FIND = """
    WITH hit AS MATERIALIZED (SELECT position FROM sessions_app_searchtext WHERE words @@ %s::tsquery)
    SELECT position FROM hit WHERE position < %s AND position >= %s ORDER BY position DESC LIMIT %s
"""
