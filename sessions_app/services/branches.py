"""Branch: a new conversation that starts from a past position of another session. Copies nothing, moves no pointer."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import Conversation, Session
from sessions_app.selectors.places import checkpoint_in, session_in
from sessions_app.selectors.reading import reading_require
from sessions_app.services._lineage import session_from
from sessions_app.services._pointer import pointer_place
from sessions_app.services._text import line_checked
from sessions_app.services.audit import audit_record
from sessions_app.services.conversations import key_free
from sessions_app.services.journal import Journal, NewEntry
from sessions_app.services.perform import verb
from sessions_app.values import (
    TITLE_MAX_CHARS,
    Answer,
    AuditType,
    Call,
    EntryKind,
    EventType,
    Json,
    StartReason,
)


@verb(audit=AuditType.SESSION_BRANCHED)
def checkpoint_branch(call: Call, *, session_key: str, checkpoint_id: UUID, title: str = "") -> Answer:
    """Start a conversation of one's own from a checkpoint.

    Args:
        call: who, by which way; the actor's account owns the new conversation. `request_id` makes a repeat safe.
        session_key: the conversation of the checkpoint.
        checkpoint_id: the checkpoint.
        title: of the new conversation; "Branch of …" without one.

    Returns:
        {sessionKey, sessionId} of the new conversation.

    Raises:
        NotFoundError: no such checkpoint in this conversation.
        ReasonRequiredError: as `reading_require`.
        ForbiddenError, UnauthenticatedError: as `access.conversation`.

    Writes: Conversation +1, Session +1, marker Entry +1, AuditEvent +1, Event +2.
    """
    source = access.conversation(call.actor, Action.BRANCH, session_key, lock=True)
    checkpoint = checkpoint_in(source, checkpoint_id)
    facts: Json = {"checkpointId": str(checkpoint_id)}
    return _branched(call, source, checkpoint.session, checkpoint.seq, title or checkpoint.label, facts)


@verb(audit=AuditType.SESSION_BRANCHED)
def position_branch(call: Call, *, session_key: str, session_id: UUID, seq: int, title: str = "") -> Answer:
    """Start a conversation of one's own from any entry; as `checkpoint_branch`, with session and seq instead of a checkpoint."""
    source = access.conversation(call.actor, Action.BRANCH, session_key, lock=True)
    session = session_in(source, session_id)
    return _branched(call, source, session, seq, title, {})


def _branched(call: Call, source: Conversation, session: Session, seq: int, title: str, facts: Json) -> Answer:
    owner_id = call.actor.user_id
    if owner_id is None:
        raise InvalidParamsError("A branch needs an owner; the system has none.")
    access.require(call.actor, Action.CREATE, owner_id)
    reading_require(call.actor, source, session.pk)  # a branch is one's own, and shows what it came from
    title = line_checked(title, name="title", max_chars=TITLE_MAX_CHARS)
    journal = Journal(timezone.now())
    branch = _conversation(
        source, owner_id, title or f"Branch of {source.title or source.key}"[:TITLE_MAX_CHARS], journal
    )
    new = session_from(call, branch, session, seq, StartReason.BRANCH, journal)
    pointer_place(branch, new)
    facts = {
        **facts,
        "parentSessionId": str(new.parent_id),
        "parentSeq": seq,
        "fromKey": source.key,
        "toKey": branch.key,
    }
    audit = audit_record(
        call,
        AuditType.SESSION_BRANCHED,
        session_key=source.key,
        old_session_id=session.pk,
        new_session_id=new.pk,
        data=facts,
    )
    words: Json = {"actor": call.actor.label, "trigger": str(call.trigger), "auditId": audit.seq, **facts}
    words |= {"oldSessionId": str(session.pk), "newSessionId": str(new.pk)}
    marker = NewEntry(EntryKind.MARKER, data={"type": "session.branched", **words})
    journal.entry_with_event(journal.head_of(branch), journal.tip_of(new), marker)
    journal.event(journal.head_of(source), EventType.SESSION_BRANCHED, words)
    return {"sessionKey": branch.key, "sessionId": str(new.pk)}, journal.write()


def _conversation(source: Conversation, owner_id: int, title: str, journal: Journal) -> Conversation:
    """The conversation of a branch, without a session yet."""
    return Conversation.objects.create(
        key=key_free(source.agent, title),
        title=title,
        agent=source.agent,
        owner_id=owner_id,
        created_at=journal.now,
        updated_at=journal.now,
        session_count=1,
    )
