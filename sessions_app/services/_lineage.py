"""A session that starts from a past position of another: parent id and parent seq, copies nothing."""

from __future__ import annotations

from sessions_app.models import Conversation, Session
from sessions_app.selectors.lineage import entry_at
from sessions_app.services.journal import Journal
from sessions_app.values import Call, StartReason


def session_from(
    call: Call, conversation: Conversation, source: Session, seq: int, reason: StartReason, journal: Journal
) -> Session:
    """Make a session whose entries 1 to `seq` are those of `source`. Costs the same at any length.

    The parent is the session that owns the entry, so a branch of a branch at a shared position is a branch of the first.

    Raises:
        InvalidParamsError: the source has no such position.
    """
    entry = entry_at(source, seq)
    return Session.objects.create(
        conversation=conversation,
        parent_id=entry.session_id,
        parent_seq=seq,
        last_seq=seq,
        messages=entry.message_no,
        digest=entry.digest,
        started_at=journal.now,
        start_reason=reason,
        start_actor=call.actor.label,
        start_trigger=call.trigger,
    )
