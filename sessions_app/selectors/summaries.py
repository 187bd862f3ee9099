"""Which summary stands for the older entries of a session: found by its checkpoint, at any length in one short statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from sessions_app.selectors.damage import UnreadableError, readable
from sessions_app.selectors.entry_rows import as_json, raw_uuid
from sessions_app.selectors.lineage import LINE
from sessions_app.values import Json

LOOKED_AT = 20
EVERY_POSITION = 2**62
SUMMARY_HEAD = (
    "Summary of this conversation up to here; it stands for entries 1 to {covers:,}, which you are not shown again:"
)


@dataclass(frozen=True, slots=True)
class Summary:
    """A compaction entry: it lies at `seq` and stands for all entries up to `covers`."""

    seq: int
    covers: int
    text: str


def summary_of(seq: int, text: str, data: Json) -> Summary:
    """A compaction entry as a summary. One that was adopted names no end: it stands for all before it, in its own words alone."""
    covers = data.get("coversSeq")
    if not isinstance(covers, int):
        return Summary(seq, seq - 1, text)
    return Summary(seq, covers, f"{SUMMARY_HEAD.format(covers=covers)}\n\n{text}")


def summary_newest(session_id: UUID, before_seq: int = EVERY_POSITION) -> Summary | None:
    """The newest summary of a session that stands for entries before a position only. One query at any length and depth.

    A summary is the entry after its automatic checkpoint, and checkpoints are few; one that lies in a shared part of a branch counts.

    Args:
        session_id: the session.
        before_seq: the question that is to be answered; a summary that stands for it too does not count.
    """
    try:
        found = readable(lambda: _summaries(session_id))
    except UnreadableError:  # whoever reads the page that holds it says what is damaged
        return None
    return next((summary for summary in found if summary.covers < before_seq), None)


def _summaries(session_id: UUID) -> list[Summary]:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [raw_uuid(session_id), LOOKED_AT])
        rows: list[tuple[int, str, Any]] = cursor.fetchall()
    return [summary_of(seq, text, as_json(data)) for seq, text, data in rows]


_NEWEST = f"""{LINE}
    SELECT e.seq, e.text, e.data FROM line
    JOIN sessions_app_checkpoint k ON k.session_id = line.id AND k.kind = 'auto' AND k.seq < line.last
    JOIN sessions_app_entry e ON e.session_id = k.session_id AND e.seq = k.seq + 1 AND e.kind = 'compaction'
    ORDER BY e.seq DESC LIMIT %s
"""  # noqa: S608 - words of ours
