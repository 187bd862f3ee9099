"""Whether somebody may be shown the text of a session now: it is their own, or they said why within the hour.

May see (`access`) is asked first and elsewhere; this is about accountability. Every selector that gives out text of a transcript
asks here, and `tests/test_reading.py` walks all methods and pages to see that none forgets.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from sessions_app.errors import ReasonRequiredError
from sessions_app.models import AuditEvent, Conversation
from sessions_app.values import Actor, ActorKind, AuditType, Outcome

OPEN_FOR = datetime.timedelta(hours=1)
_PAGE_ROWS = 200


def reading_require(reader: Actor, conversation: Conversation, *session_ids: UUID) -> datetime.datetime | None:
    """Refuse, unless the text of these sessions of a conversation may be shown to a reader now. No query for one's own, else one.

    Returns:
        When that ends; None for as long as they may see the conversation at all.

    Raises:
        ReasonRequiredError: no reason was given; details {sessionKey, sessionIds: [those to open by `sessions.open`]}.
    """
    if not reading_asks(reader, conversation.owner_id):
        return None
    opened = _opened(reader, set(session_ids))
    missing = sorted({str(pk) for pk in session_ids if pk not in opened})
    if missing:
        raise ReasonRequiredError(sessionKey=conversation.key, sessionIds=missing, method="sessions.open")
    return min((opened[pk] for pk in session_ids), default=timezone.now()) + OPEN_FOR


def sessions_readable(reader: Actor, owners: Mapping[UUID, int]) -> set[UUID]:
    """Those of these sessions whose text may be shown to a reader now. No query when all are their own, else one.

    Args:
        reader: who asks; that they may see the sessions was asked already.
        owners: the account that owns each session.
    """
    asking = {pk for pk, owner_id in owners.items() if reading_asks(reader, owner_id)}
    return set(owners) - asking | set(_opened(reader, asking))


def reading_asks(reader: Actor, owner_id: int) -> bool:
    """Whether this reader has to give a reason for what this account owns. No query."""
    is_free = reader.kind is ActorKind.SYSTEM or reader.at_machine or reader.user_id == owner_id
    return bool(settings.ASK_READING_REASON) and not is_free


def _opened(reader: Actor, session_ids: Iterable[UUID]) -> dict[UUID, datetime.datetime]:
    """When this reader last gave a reason for each of these sessions, if within the hour. One query for each 200 openings of the hour."""
    wanted, found = set(session_ids), dict[UUID, datetime.datetime]()
    since, last = timezone.now() - OPEN_FOR, None
    while wanted - set(found):
        rows = AuditEvent.objects.filter(type=AuditType.SESSION_OPENED)
        page = list((rows if last is None else rows.filter(seq__lt=last)).order_by("-seq")[:_PAGE_ROWS])
        for row in page:
            is_theirs = (row.actor_kind, row.actor_id, row.outcome) == (reader.kind, reader.id, Outcome.OK)
            if is_theirs and row.created_at >= since and row.new_session_id in wanted:
                found.setdefault(row.new_session_id, row.created_at)
        if len(page) < _PAGE_ROWS or page[-1].created_at < since:
            break
        last = page[-1].seq
    return found
