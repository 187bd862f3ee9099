"""Adopting transcripts of other systems: conversations, sessions and their lines, a batch of lines a transaction.

Each verb may be repeated: what is there already is answered, not written again. Whoever drives them decides what is adopted and in
which order (`runtime/adoption`); nothing here reads a foreign store.
"""

from __future__ import annotations

import datetime
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError, NotFoundError
from sessions_app.models import AdoptedStrand, Conversation, Session
from sessions_app.selectors.adoption import adopted_seq, conversation_used
from sessions_app.selectors.lineage import entry_at
from sessions_app.services._pointer import pointer_place
from sessions_app.services.audit import audit_record
from sessions_app.services.conversations import conversation_add
from sessions_app.services.perform import verb
from sessions_app.values import (
    NO_EFFECTS,
    Answer,
    AuditType,
    Call,
    ConversationKind,
    EndReason,
    StartReason,
)
from sessions_app.values.adoption import StrandFacts


@verb(audit=AuditType.CONVERSATION_CREATED)
def adopted_conversation_open(  # noqa: PLR0913 - one argument for each column a caller decides
    call: Call,
    *,
    key: str,
    owner_id: int,
    title: str = "",
    agent: str = "main",
    kind: ConversationKind = ConversationKind.CHAT,
    first_session_id: UUID | None = None,
    updated_at: datetime.datetime | None = None,
) -> Answer:
    """Find or make the conversation of a foreign key.

    Args:
        call: who, by which way; needs `manage`.
        key: the session key here.
        owner_id: whose it becomes when it is new.
        title, agent, kind: of a new one.
        first_session_id: the session that shall be the current one of a new conversation; it is made empty, and filled by
            `adopted_strand_open` and `lines_adopt`. Without one a new conversation begins with an empty session of its own.
        updated_at: when it was last used, where it came from.

    Returns:
        {conversationId, sessionId, isNew, isUnused}: its current session, and whether nobody ever wrote in it here.

    Writes: Conversation +1, Session +1, AuditEvent +1; nothing when it is there.
    """
    access.require(call.actor, Action.MANAGE)
    found = Conversation.objects.filter(key=key).first()
    if found is None and first_session_id is not None:
        found = _conversation_with(call, key, owner_id, title, agent, kind, first_session_id)
        is_new = True
    elif found is None:
        found = conversation_add(call, key=key, owner_id=owner_id, title=title, agent=agent, kind=kind)
        is_new = True
    else:
        is_new = False
    if is_new and updated_at is not None:
        Conversation.objects.filter(pk=found.pk).update(updated_at=min(updated_at, timezone.now()))
    answer = {"conversationId": str(found.pk), "sessionId": str(found.current_session_id)}
    return {**answer, "isNew": is_new, "isUnused": not conversation_used(found.pk)}, NO_EFFECTS


def _conversation_with(
    call: Call, key: str, owner_id: int, title: str, agent: str, kind: ConversationKind, session_id: UUID
) -> Conversation:
    now = timezone.now()
    conversation = Conversation.objects.create(
        key=key, title=title, agent=agent, kind=kind, owner_id=owner_id, created_at=now, updated_at=now, session_count=1
    )
    session = _session(call, conversation, session_id, now)
    pointer_place(conversation, session)
    facts = {"title": title, "agent": agent, "imported": True}
    audit_record(call, AuditType.CONVERSATION_CREATED, session_key=key, new_session_id=session_id, data=facts)
    return conversation


def _session(call: Call, conversation: Conversation, session_id: UUID, started_at: datetime.datetime) -> Session:
    return Session.objects.create(
        pk=session_id,
        conversation=conversation,
        started_at=started_at,
        start_reason=StartReason.IMPORT,
        start_actor=call.actor.label,
        start_trigger=call.trigger,
    )


@verb(audit=AuditType.SESSION_ADOPTED)
def adopted_strand_open(
    call: Call,
    *,
    key: str,
    session_id: UUID | None,
    source_id: int,
    strand: StrandFacts,
    parent_id: int | None = None,
    parent_index: int = 0,
) -> Answer:
    """Begin a strand, and the session it becomes. Its lines follow by `lines_adopt`.

    Args:
        call: who, by which way; needs `manage`.
        key: conversation it belongs to.
        session_id: wanted id of its session; for a trace the session it lies beside, or None.
        source_id: the file it comes from.
        strand: what is known of it.
        parent_id: adopted strand whose lines up to `parent_index` it begins with.
        parent_index: see there; 0 for none.

    Returns:
        {strandId, sessionId}.

    Writes: Session +1, AdoptedStrand +1, AuditEvent +1.
    """
    access.require(call.actor, Action.MANAGE)
    conversation = Conversation.objects.select_for_update().filter(key=key).first()
    if conversation is None:
        raise NotFoundError(f"There is no conversation {key[:80]}.", sessionKey=key[:200])
    session = None
    if not strand.is_trace:
        if session_id is None:
            raise InvalidParamsError("A strand needs the id of its session.", field="sessionId")
        session = _strand_session(call, conversation, session_id, strand, parent_id, parent_index)
    row = AdoptedStrand.objects.create(
        session_id=session.pk if session else session_id,
        source_id=source_id,
        parent_id=parent_id,
        parent_index=parent_index,
        agent=strand.agent,
        foreign_id=strand.foreign_id,
        foreign_key=strand.foreign_key,
        kind=strand.kind,
        is_trace=strand.is_trace,
        wants_current=strand.wants_current,
        header=strand.header,
        messages=session.messages if session else 0,
        facts=strand.facts,
        created_at=timezone.now(),
    )
    if session is not None:
        facts = {"foreignId": strand.foreign_id, "kind": strand.kind, "endReason": session.end_reason}
        audit_record(call, AuditType.SESSION_ADOPTED, session_key=key, new_session_id=session.pk, data=facts)
    return {"strandId": row.pk, "sessionId": str(session.pk) if session else None}, NO_EFFECTS


def _strand_session(
    call: Call,
    conversation: Conversation,
    session_id: UUID,
    strand: StrandFacts,
    parent_id: int | None,
    parent_index: int,
) -> Session:
    """The session of a strand: the empty one that is current already, or a new archived one."""
    session = Session.objects.filter(pk=session_id).first()
    if session is None:
        session = _session(call, conversation, session_id, strand.started_at)
        Conversation.objects.filter(pk=conversation.pk).update(session_count=F("session_count") + 1)
    elif session.conversation_id != conversation.pk or session.last_seq or _is_adopted(session):
        raise InvalidParamsError(f"The session id {session_id} is taken.", field="sessionId")
    session.started_at = strand.started_at
    seq = adopted_seq(parent_id, parent_index) if parent_id is not None else 0
    if seq and parent_id is not None:
        source = Session.objects.get(adopted_strands__pk=parent_id)
        entry = entry_at(source, seq)
        session.parent_id, session.parent_seq, session.last_seq = entry.session_id, seq, seq
        session.messages, session.digest = entry.message_no, entry.digest
    if conversation.current_session_id != session.pk:
        session.ended_at = strand.ended_at or strand.started_at
        session.end_reason, session.end_trigger = EndReason(strand.end_reason), call.trigger
        session.end_actor = call.actor.label
        session.archived_seq, session.archived_digest = session.last_seq, session.digest
    session.save()
    return session


def _is_adopted(session: Session) -> bool:
    return AdoptedStrand.objects.filter(session=session, is_trace=False).exists()
