"""Compaction: a summary becomes an entry that stands for older ones in the model's context. The entries stay where they are."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import Checkpoint, Conversation, Session
from sessions_app.selectors.compaction import session_to_compact
from sessions_app.selectors.summaries import summary_newest
from sessions_app.services._text import message_checked
from sessions_app.services.audit import audit_record
from sessions_app.services.journal import Journal, NewEntry
from sessions_app.services.perform import verb
from sessions_app.values import (
    Answer,
    AuditType,
    Call,
    CheckpointKind,
    EntryKind,
    EventType,
    HookType,
    Json,
    Role,
)

CHECKPOINT_LABEL = "Before the summary"


@verb(audit=AuditType.SESSION_COMPACTED, digest_ignores=("covers_seq", "summary", "facts"))
def session_compact(
    call: Call, *, session_key: str, session_id: UUID, covers_seq: int, summary: str, facts: Json | None = None
) -> Answer:
    """Store a summary that was written of a session's entries, behind an automatic checkpoint of the position before it.

    Args:
        call: who asked for it, by which way; `request_id` makes a repeat safe.
        session_key: the conversation.
        session_id: the session that was summarised.
        covers_seq: the summary stands for all entries up to this one; what came after it was begun stays in the context.
        summary: its text.
        facts: {tokensBefore, tokensAfter, durationMs, model, leftOut}, as far as known.

    Returns:
        {sessionKey, sessionId, checkpointId, entrySeq, coversSeq, tokensBefore, tokensAfter, auditId}.

    Raises:
        SessionMovedError: the session was put aside meanwhile; the summary is thrown away and nothing is written.
        InvalidParamsError: no such position, or a newer summary stands for it already.
        ForbiddenError: the session is damaged.

    Writes: Checkpoint +1, Entry +1, AuditEvent +1, Event +2, HookEvent +1; one transaction.
    Source: docs/compaction.md.
    """
    conversation = access.conversation(call.actor, Action.COMPACT, session_key, lock=True)
    session = session_to_compact(conversation, session_id)
    _check(session, covers_seq)
    message_checked(summary)
    checkpoint = _checkpoint(call, conversation, session)
    told: Json = {
        "checkpointId": str(checkpoint.pk),
        "coversSeq": covers_seq,
        "firstKeptSeq": covers_seq + 1,
        "tokensBefore": 0,
        "tokensAfter": 0,
        "durationMs": 0,
        "model": "",
        "leftOut": 0,
        **(facts or {}),
    }
    audit = audit_record(
        call,
        AuditType.SESSION_COMPACTED,
        session_key=session_key,
        old_session_id=session.pk,
        new_session_id=session.pk,
        data=told,
    )
    who: Json = {"actor": call.actor.label, "trigger": str(call.trigger)}
    journal = Journal()
    head = journal.head_of(conversation)
    data = {"type": "compaction", **told, **who, "auditId": audit.seq}
    entry = NewEntry(EntryKind.COMPACTION, Role.SYSTEM, summary, data)
    seq = journal.entry_with_event(head, journal.tip_of(session), entry)
    made = {"checkpointId": str(checkpoint.pk), "sessionId": str(session.pk)}
    journal.event(head, EventType.CHECKPOINT_CHANGED, {**made, "seq": checkpoint.seq, "label": checkpoint.label})
    journal.hook(
        HookType.COMPACTION, session_id=session.pk, session_key=session_key, payload={"entrySeq": seq, **told, **who}
    )
    answer = {name: told[name] for name in ("checkpointId", "coversSeq", "tokensBefore", "tokensAfter")}
    where = {"sessionKey": session_key, "sessionId": str(session.pk), "entrySeq": seq, "auditId": audit.seq}
    return {**where, **answer}, journal.write()


def _check(session: Session, covers_seq: int) -> None:
    if not 1 <= covers_seq <= session.last_seq:
        words = f"This session has entries 1 to {session.last_seq:,}, none numbered {covers_seq:,}."
        raise InvalidParamsError(words, field="coversSeq")
    newest = summary_newest(session.pk)
    if newest is not None and newest.covers >= covers_seq:
        words = "Another summary was stored meanwhile and stands for these entries; this one was thrown away."
        raise InvalidParamsError(words, field="coversSeq")


def _checkpoint(call: Call, conversation: Conversation, session: Session) -> Checkpoint:
    Conversation.objects.filter(pk=conversation.pk).update(checkpoint_count=F("checkpoint_count") + 1)
    return Checkpoint.objects.create(
        conversation=conversation,
        session=session,
        seq=session.last_seq,
        kind=CheckpointKind.AUTO,
        label=CHECKPOINT_LABEL,
        actor=call.actor.label,
        trigger=call.trigger,
        created_at=timezone.now(),
    )
