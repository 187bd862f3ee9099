"""Where the entries of a session lie: its own, and those it shares with the sessions it branched from."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from sessions_app.errors import InvalidParamsError
from sessions_app.models import Entry, Session
from sessions_app.selectors.damage import damage_refuse, entries_readable, readable_last


@dataclass(frozen=True, slots=True)
class Segment:
    """Entries `first` to `last` of a lineage are rows of session `session_id`."""

    session_id: UUID
    first: int
    last: int


def segments(session_id: UUID) -> list[Segment]:
    """The lineage of a session, newest segment first; empty ones are left out. One query at any depth."""
    own = session_id if connection.features.has_native_uuid_field else session_id.hex
    with connection.cursor() as cursor:
        cursor.execute(_LINEAGE, [own])
        rows = cursor.fetchall()
    line = [Segment(pk if isinstance(pk, UUID) else UUID(pk), parent_seq + 1, last) for pk, parent_seq, last in rows]
    return [segment for segment in line if segment.last >= segment.first]


def entry_at(session: Session, seq: int) -> Entry:
    """The entry a session shows at a position; its `session_id` says who owns it. Two queries.

    Raises:
        InvalidParamsError: the session has no such position.
        ForbiddenError: the position lies in the session's damage.
    """
    for segment in segments(session.pk):
        if segment.first <= seq <= segment.last:
            if seq <= readable_last(session):
                rows = Entry.objects.filter(session_id=segment.session_id, seq=seq)
                found = entries_readable(session, segment.session_id, seq, seq, functools.partial(list, rows))
                if found is not None:
                    return found[0]
            damage_refuse(session.conversation.key, session.pk, session.damaged_from, session.damage)
    raise InvalidParamsError(f"This session has entries 1 to {session.last_seq:,}, none numbered {seq:,}.", field="seq")


# the way leads to ever smaller positions, so a ring of parents, which only damage can make, ends too
LINE = """
    WITH RECURSIVE line(id, parent_id, parent_seq, last, depth) AS (
        SELECT id, parent_id, parent_seq, last_seq, 0 FROM sessions_app_session WHERE id = %s
        UNION ALL
        SELECT s.id, s.parent_id, s.parent_seq, line.parent_seq, line.depth + 1
        FROM sessions_app_session s JOIN line ON s.id = line.parent_id
        WHERE s.parent_seq < line.parent_seq
    )
"""
_LINEAGE = f"{LINE} SELECT id, parent_seq, last FROM line ORDER BY depth"  # noqa: S608 - words of ours
