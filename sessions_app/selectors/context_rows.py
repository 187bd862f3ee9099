"""The entries a context is made of, read by short portable SQL: every turn reads some hundred, by the ORM at four times the cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from sessions_app.models import Session
from sessions_app.selectors.damage import UnreadableError, damage_refuse, readable
from sessions_app.selectors.entry_rows import as_json, raw_uuid
from sessions_app.selectors.lineage import Segment, segments
from sessions_app.selectors.transcript import entries_between
from sessions_app.values import Json


class Row(NamedTuple):
    """One entry with what its run says of it; `is_withdrawn` when no other attempt speaks for the question."""

    seq: int
    kind: str
    role: str
    text: str
    data: Json
    created_at: Any
    message_no: int
    run_input_seq: int | None
    run_continues: bool
    is_withdrawn: bool


@dataclass(frozen=True, slots=True)
class Place:
    """Where the entries of a session lie."""

    session_id: UUID
    last_seq: int
    line: list[Segment]


def place_read(session_id: UUID) -> Place:
    """Where to read a session that is whole. Two queries.

    Raises:
        ForbiddenError: the session is damaged.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SESSION, [raw_uuid(session_id)])
        key, last_seq, damaged_from, damage = cursor.fetchone()
    damage_refuse(key, session_id, damaged_from, damage)
    place = Place(session_id, last_seq, segments(session_id))
    if place.line and place.line[-1].first > 1:
        _damage_said(place, 1, last_seq)
    return place


def rows_read(place: Place, first: int, last: int, limit: int) -> list[Row]:
    """Up to `limit` entries at positions `first` to `last`, newest first. One query for each segment touched.

    Raises:
        ForbiddenError: one of them is damaged.
    """
    found: list[Row] = []
    for segment in place.line:
        high = min(last, segment.last)
        low = max(first, segment.first, high - (limit - len(found)) + 1)
        if low > high:
            continue
        try:
            rows = readable(lambda segment=segment, low=low, high=high: _rows(segment.session_id, low, high))  # type: ignore[misc]
        except UnreadableError:
            rows = []
        if len(rows) != high - low + 1 or not all(_is_whole(row) for row in rows):
            _damage_said(place, low, high)
        found += rows
    return found


def _rows(session_id: UUID, low: int, high: int) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [raw_uuid(session_id), low, high])
        return [_row(*columns) for columns in cursor.fetchall()]


def _row(*columns: Any) -> Row:
    seq, kind, role, text, data, created_at, message_no, input_seq, continues, is_withdrawn = columns
    facts = as_json(data)
    return Row(seq, kind, role, text, facts, created_at, message_no, input_seq, bool(continues), bool(is_withdrawn))


def _is_whole(row: Row) -> bool:
    columns: tuple[Any, ...] = (row.text, row.data, row.created_at)
    return isinstance(columns[0], str) and isinstance(columns[1], dict) and columns[2] is not None


def _damage_said(place: Place, low: int, high: int) -> None:
    """Find out by the slower way what is damaged, which notes it for the quarantine too.

    Raises:
        ForbiddenError: in words.
        UnreadableError: it was damaged a moment ago, and is not now.
    """
    session = Session.objects.select_related("conversation").get(pk=place.session_id)
    entries_between(session, low, high, high - low + 1, newest=True)
    damage_refuse(session.conversation.key, session.pk, session.damaged_from, session.damage)
    raise UnreadableError


_SESSION = """
    SELECT c.key, s.last_seq, s.damaged_from, s.damage
    FROM sessions_app_session s JOIN sessions_app_conversation c ON c.id = s.conversation_id WHERE s.id = %s
"""
_ROWS = """
    SELECT e.seq, e.kind, e.role, e.text, e.data, e.created_at, e.message_no, r.input_seq, r.continues,
        CASE WHEN r.state = 'withdrawn' AND NOT EXISTS (SELECT 1 FROM sessions_app_run x WHERE x.session_id = r.session_id
            AND x.input_seq = r.input_seq AND x.state <> 'withdrawn') THEN 1 ELSE 0 END
    FROM sessions_app_entry e LEFT JOIN sessions_app_run r ON r.id = e.run_id
    WHERE e.session_id = %s AND e.seq >= %s AND e.seq <= %s ORDER BY e.seq DESC
"""
