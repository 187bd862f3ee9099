"""What follows when adopted lines are whole: the session that becomes current, and the checkpoints."""

from __future__ import annotations

import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import AdoptedStrand, Checkpoint, Conversation, Session
from sessions_app.selectors.adoption import adopted_seq, conversation_used
from sessions_app.services._lock import lock_check
from sessions_app.services._pointer import Move, pointer_check, pointer_move
from sessions_app.services.audit import audit_record
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import (
    LABEL_MAX_CHARS,
    NO_EFFECTS,
    Answer,
    AuditType,
    Call,
    CheckpointKind,
    EndReason,
    EventType,
    Trigger,
)
from sessions_app.values.adoption import AdoptedPoint


@verb(audit=AuditType.SESSION_RESTORED, stops_runs=True)
def adopted_current_make(call: Call, *, strand_id: int, is_asked: bool = False) -> Answer:
    """Make the session of a strand that is whole the current one of its conversation, if it still should be.

    It should, when nobody wrote in the conversation here and what is current is of the same store, or somebody asked for it.

    Returns:
        {sessionId, moved}.

    Raises:
        ConversationLockedError: the conversation is locked. Unlocked, an adoption that is repeated makes it current.
        RunInFlightError: an answer is running or queued in the session it would displace.

    Writes: as `_pointer.pointer_move`; AdoptedStrand.
    """
    access.require(call.actor, Action.MANAGE)
    strand = AdoptedStrand.objects.select_related("session__conversation", "source").get(pk=strand_id)
    assert strand.session is not None
    conversation = Conversation.objects.select_for_update().get(pk=strand.session.conversation_id)
    session = strand.session
    AdoptedStrand.objects.filter(pk=strand_id).update(wants_current=False)
    current = conversation.current_session_id
    if current == session.pk or current is None or not (is_asked or _is_free(conversation.pk, current, strand)):
        return {"sessionId": str(session.pk), "moved": False}, NO_EFFECTS
    lock_check(conversation, typed_key="", reason="")
    pointer_check(conversation, current, stop_run=False)
    journal = Journal()
    move = Move(
        AuditType.SESSION_RESTORED,
        EventType.SESSION_RESTORED,
        EndReason.RESTORE,
        "session.restored",
        f"adopted from {strand.foreign_key or strand.foreign_id}"[:500],
        {"imported": True},
    )
    pointer_move(call, journal, conversation, session, move)
    return {"sessionId": str(session.pk), "moved": True}, journal.write()


def _is_free(conversation_id: UUID, current: UUID, strand: AdoptedStrand) -> bool:
    """Whether nobody wrote in a conversation here, and what is current has no messages or is of the same store as a strand."""
    there = AdoptedStrand.objects.filter(session_id=current, is_trace=False, messages__gt=0)
    is_same_store = not there.exists() or there.filter(source__store=strand.source.store).exists()
    return is_same_store and not conversation_used(conversation_id)


@verb()
def adopted_end_note(call: Call, *, session_id: UUID, ended_at: datetime.datetime, end_reason: str) -> Answer:
    """Let an archived session say when and why it ended where it came from, if only an adoption put it aside here.

    Returns:
        {changed}.

    Writes: Session, AuditEvent +1; nothing for a session that is current, or that somebody put aside here.
    """
    access.require(call.actor, Action.MANAGE)
    session = Session.objects.select_related("conversation").get(pk=session_id)
    Conversation.objects.select_for_update().get(pk=session.conversation_id)
    rows = Session.objects.filter(pk=session_id, ended_at__isnull=False, end_trigger=Trigger.IMPORT)
    changed = bool(rows.update(ended_at=ended_at, end_reason=EndReason(end_reason)))
    if changed:
        facts = {"endReason": end_reason, "endedAt": ended_at.isoformat()}
        audit_record(
            call,
            AuditType.SESSION_ADOPTED,
            session_key=session.conversation.key,
            new_session_id=session_id,
            data=facts,
        )
    return {"changed": changed}, NO_EFFECTS


@verb(audit=AuditType.CHECKPOINT_CREATED)
def adopted_checkpoint_make(call: Call, *, strand_id: int, index: int, point: AdoptedPoint) -> Answer:
    """Bookmark the newest entry at or before a line of a strand, under the id the checkpoint had.

    Returns:
        {checkpointId, isNew}; without an entry at or before the line nothing is made, and the id is None.

    Writes: Checkpoint +1, AuditEvent +1.
    """
    access.require(call.actor, Action.MANAGE)
    strand = AdoptedStrand.objects.get(pk=strand_id)
    seq = adopted_seq(strand_id, index)
    if not seq or strand.session_id is None:
        return {"checkpointId": None, "isNew": False}, NO_EFFECTS
    if Checkpoint.objects.filter(pk=point.checkpoint_id).exists():
        return {"checkpointId": str(point.checkpoint_id), "isNew": False}, NO_EFFECTS
    session = Session.objects.select_related("conversation").get(pk=strand.session_id)
    words: dict[str, Any] = {"label": point.label[:LABEL_MAX_CHARS], "actor": call.actor.label, "trigger": call.trigger}
    kind = CheckpointKind.MANUAL if point.is_manual else CheckpointKind.AUTO
    Checkpoint.objects.create(
        pk=point.checkpoint_id,
        conversation_id=session.conversation_id,
        session=session,
        seq=seq,
        kind=kind,
        created_at=point.created_at,
        **words,
    )
    if point.facts:
        known = strand.facts.get("checkpoints", {}) | {str(point.checkpoint_id): point.facts}
        AdoptedStrand.objects.filter(pk=strand_id).update(facts=strand.facts | {"checkpoints": known})
    Conversation.objects.filter(pk=session.conversation_id).update(checkpoint_count=F("checkpoint_count") + 1)
    facts = {"checkpointId": str(point.checkpoint_id), "seq": seq, "label": words["label"]}
    audit_record(
        call,
        AuditType.CHECKPOINT_CREATED,
        session_key=session.conversation.key,
        old_session_id=session.pk,
        new_session_id=session.pk,
        data=facts,
    )
    return {"checkpointId": str(point.checkpoint_id), "isNew": True}, NO_EFFECTS
