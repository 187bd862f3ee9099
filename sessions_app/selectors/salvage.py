"""What can still be read of a damaged session, with a stand-in for each stretch that cannot.

One bad row never hides the rest: whoever reads a damaged session gets every entry that its rows still give, on both sides of the damage.
What lies behind the damage is not vouched for, because the chain of digests is torn there; the session's words say so.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet

from sessions_app.models import Entry, Session
from sessions_app.selectors.damage import UNREADABLE, UnreadableError, is_whole, readable
from sessions_app.selectors.lineage import Segment, segments
from sessions_app.values import EntryKind, Json


def entries_salvaged(session: Session, first: int, last: int, limit: int, *, newest: bool) -> list[Entry]:
    """Up to `limit` entries of a damaged session at positions `first` to `last`, in order; the newest of them or the oldest.

    A stretch that cannot be read, however long, is one stand-in: an unsaved marker at its first position whose data is {type:
    "unreadable", fromSeq, toSeq, words}. The entry that the damage names is always one: what it holds may have been changed. One query
    for the lineage and one for each segment touched; one for each row of a page that holds an unreadable one.

    Args:
        session: its `damaged_from` says where the damage begins.
        first, last: positions in the lineage, from 1.
        limit: entries and stand-ins together.
        newest: which end of the stretch is wanted.
    """
    first, last = max(first, 1), min(last, session.last_seq)
    line = segments(session.pk)
    found: list[Entry] = []
    for segment in line if newest else reversed(line):
        low, high = max(first, segment.first), min(last, segment.last)
        if low <= high and len(found) < limit:
            found += _readable_rows(session, Segment(segment.session_id, low, high), limit - len(found), newest=newest)
    found.sort(key=lambda entry: entry.seq)
    if len(found) >= limit:
        first, last = (found[0].seq, last) if newest else (first, found[-1].seq)
    whole = _with_stand_ins(session, found, first, last)
    return whole[-limit:] if newest else whole[:limit]


def begins_gap(session: Session, seq: int) -> bool:
    """Whether a stretch that cannot be read begins at a position: whoever pages on from there was told of all of it."""
    around = entries_salvaged(session, max(seq - 1, 1), seq, 2, newest=False)
    return bool(around) and around[-1].seq == seq and is_gap(around[-1])


def is_gap(entry: Entry) -> bool:
    """Whether this is a stand-in for entries that cannot be read."""
    return entry.pk is None


def gap_end(entry: Json) -> int:
    """The last position that an entry on the wire stands for."""
    is_stand_in = entry["kind"] == EntryKind.MARKER and entry["data"].get("type") == UNREADABLE
    return int(entry["data"].get("toSeq", entry["seq"]) if is_stand_in else entry["seq"])


def _readable_rows(session: Session, part: Segment, size: int, *, newest: bool) -> list[Entry]:
    """Up to `size` rows of a segment that are whole, from one of its ends on."""
    found: list[Entry] = []
    low, high = part.first, part.last
    while low <= high and len(found) < size:
        rows = Entry.objects.filter(session_id=part.session_id, seq__gte=low, seq__lte=high)
        rows = rows.order_by("-seq" if newest else "seq")
        try:
            seqs: list[int] = readable(functools.partial(list, rows.values_list("seq", flat=True)[: size - len(found)]))
        except UnreadableError:
            break  # the index itself is broken here; doctor knows more
        if not seqs:
            break
        page = _whole_rows(part.session_id, rows, seqs)
        found += [row for row in page if row.seq != session.damaged_from]
        low, high = (low, seqs[-1] - 1) if newest else (seqs[-1] + 1, high)
    return found


def _whole_rows(session_id: UUID, rows: QuerySet[Entry], seqs: Sequence[int]) -> list[Entry]:
    """The rows at these positions that are whole; all at once, and one by one when that fails."""
    try:
        page: list[Entry] = readable(functools.partial(list, rows[: len(seqs)]))
        return [row for row in page if is_whole(row)]
    except UnreadableError:
        pass
    found = []
    for seq in seqs:
        try:
            one: list[Entry] = readable(functools.partial(list, Entry.objects.filter(session_id=session_id, seq=seq)))
        except UnreadableError:
            continue
        found += [row for row in one if is_whole(row)]
    return found


def _with_stand_ins(session: Session, found: Sequence[Entry], first: int, last: int) -> list[Entry]:
    """Entries in order, and a stand-in for each stretch between `first` and `last` that has none."""
    whole: list[Entry] = []
    wanted = first
    for entry in found:
        if entry.seq > wanted:
            whole.append(_stand_in(session, wanted, entry.seq - 1))
        whole.append(entry)
        wanted = entry.seq + 1
    if wanted <= last:
        whole.append(_stand_in(session, wanted, last))
    return whole


def _stand_in(session: Session, first: int, last: int) -> Entry:
    words = f"Entry {first:,} cannot be read." if first == last else f"Entries {first:,} to {last:,} cannot be read."
    data: dict[str, Any] = {"type": UNREADABLE, "fromSeq": first, "toSeq": last, "words": words}
    return Entry(
        session=session, seq=first, kind=EntryKind.MARKER, role="", text="", data=data, created_at=cast("Any", None)
    )
