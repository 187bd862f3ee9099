"""Lines of a strand once more, from where they lie, as values that can be adopted."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from typing import Any

from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.lines import BOM, parsed
from sessions_app.rescue.messages import said
from sessions_app.rescue.names import moment
from sessions_app.rescue.reading import line_digest
from sessions_app.rescue.strands import Strand
from sessions_app.values.adoption import AdoptedEntry, AdoptedLine

_BUFFER_BYTES = 1 << 18


def adopted_lines(
    ledger: Ledger, strand: Strand, place: str | bytes, started: datetime.datetime, *, is_trace: bool
) -> Iterator[AdoptedLine]:
    """The lines of a strand that nobody shares, in order; each with the entry it becomes.

    Raises:
        OSError: the file changed since it was scanned, or cannot be read any more.
    """
    sql = "SELECT offset, size, digest FROM line WHERE file = ? AND strand = ? ORDER BY no LIMIT -1 OFFSET ?"
    rows = ledger.db.execute(sql, (strand.about.file, strand.number, strand.skip))
    number = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    at = started
    with os.fdopen(number, "rb", buffering=_BUFFER_BYTES) as stream:
        for offset, size, digest in rows:
            stream.seek(offset)
            raw = stream.read(size)
            bare = raw.removesuffix(b"\r")
            bare = bare.removeprefix(BOM) if offset == 0 else bare
            if line_digest(bare) != digest:
                raise OSError("the file changed while it was read")
            value, _ = parsed(bare)
            at = time_of(value) or at
            yield AdoptedLine(raw, digest, offset, None if is_trace else _entry(value, at))


def _entry(value: Any, at: datetime.datetime) -> AdoptedEntry | None:
    told = said(value)
    return None if told is None else AdoptedEntry(told.kind, told.role, told.text, told.data, at)


def time_of(value: Any) -> datetime.datetime | None:
    """When a line was written: its own time, or its message's."""
    if not isinstance(value, dict):
        return None
    message = value.get("message")
    return moment(value.get("timestamp")) or (moment(message.get("timestamp")) if isinstance(message, dict) else None)
