"""Adopted lines as rows: entries chained to what is there, and the block that keeps their bytes. Made in few steps, for millions of lines."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import zstandard
from django.db import connection

from sessions_app.canonical import canonical, canonical_text, entry_link
from sessions_app.services._sql import db_time
from sessions_app.values import EntryKind, Role
from sessions_app.values.adoption import AdoptedLine, places_packed

_SPOKEN = (Role.USER, Role.ASSISTANT)
_ONLY_IMPORTED = '{"imported":true}'


@dataclass(slots=True)
class Tail:
    """A session's newest entry; moves on as rows are made."""

    seq: int = 0
    messages: int = 0
    digest: str = ""
    last_at: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class ReadyLines:
    """Lines with the rows they become, made before the transaction, so that others wait less.

    Attributes:
        lines: in order.
        before, after: the session's newest entry before these and after them; the rows only fit behind `before`.
        rows, seqs: as `entry_rows`; none for a trace.
        places, content: as `block_packed`.
    """

    lines: Sequence[AdoptedLine]
    before: Tail
    after: Tail
    rows: list[tuple[Any, ...]]
    seqs: list[int]
    places: bytes
    content: bytes


def lines_ready(owner: Any, before: Tail, lines: Sequence[AdoptedLine], *, is_trace: bool = False) -> ReadyLines:
    """Make the rows of lines.

    Args:
        owner: the session's id as the engine stores it.
        before: the session's newest entry.
        lines: in order.
        is_trace: they become no entries.
    """
    after = replace(before)
    rows, seqs = ([], [0] * len(lines)) if is_trace else entry_rows(owner, after, lines)
    return ReadyLines(lines, before, after, rows, seqs, *block_packed(lines, seqs))


def entry_rows(owner: Any, tail: Tail, lines: Sequence[AdoptedLine]) -> tuple[list[tuple[Any, ...]], list[int]]:
    """Rows for `journal.INSERT_ENTRY`, and the seq of each line, 0 for lines without an entry.

    Args:
        owner: the session's id as the engine stores it.
        tail: of the session; it moves on.
        lines: in order.
    """
    rows: list[tuple[Any, ...]] = []
    seqs: list[int] = []
    seq, messages, digest = tail.seq, tail.messages, tail.digest
    is_sqlite = connection.vendor == "sqlite"
    for line in lines:
        entry = line.entry
        if entry is None:
            seqs.append(0)
            continue
        seq += 1
        kind, role, at = str(entry.kind), str(entry.role or ""), entry.created_at
        messages += kind == EntryKind.MESSAGE and role in _SPOKEN
        data = _ONLY_IMPORTED if len(entry.data) == 1 and "imported" in entry.data else canonical(entry.data)
        iso = at.isoformat()
        digest = entry_link(digest, seq, kind, role, canonical_text(entry.text), data, iso)
        # as `db_time`, for times that are in UTC already: a third of its cost
        stored = f"{iso[:10]} {iso[11:-6]}" if is_sqlite and at.tzinfo is datetime.UTC else db_time(at)
        rows.append((owner, seq, kind, role, entry.text, data, None, messages, digest, stored))
        seqs.append(seq)
        tail.last_at = at
    tail.seq, tail.messages, tail.digest = seq, messages, digest
    return rows, seqs


def block_packed(lines: Sequence[AdoptedLine], seqs: list[int]) -> tuple[bytes, bytes]:
    """(places, content) of a block."""
    content = zstandard.ZstdCompressor(level=1).compress(b"".join([line.raw + b"\n" for line in lines]))
    return places_packed(lines, seqs), content
