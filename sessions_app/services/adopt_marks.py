"""What follows when adopted lines are whole: the session that becomes current, and the checkpoints."""

from __future__ import annotations

from typing import Any

from django.db.models import F

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import AdoptedStrand, Checkpoint, Conversation, Session
from sessions_app.selectors.adoption import adopted_seq, conversation_used
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
)
from sessions_app.values.adoption import AdoptedPoint


@verb(audit=AuditType.SESSION_RESTORED, stops_runs=True)
def adopted_current_make(call: Call, *, strand_id: int, is_asked: bool = False) -> Answer:
    """Make the session of a strand that is whole the current one of its conversation, if it still should be.

    It should, when nobody wrote in the conversation here, or somebody asked for it.

    Returns:
        {sessionId, moved}.

    Raises:
        RunInFlightError: an answer is running or queued in the session it would displace.

    Writes: as `_pointer.pointer_move`; AdoptedStrand.
    """
    access.require(call.actor, Action.MANAGE)
    strand = AdoptedStrand.objects.select_related("session__conversation").get(pk=strand_id)
    assert strand.session is not None
    conversation = Conversation.objects.select_for_update().get(pk=strand.session.conversation_id)
    session = strand.session
    AdoptedStrand.objects.filter(pk=strand_id).update(wants_current=False)
    current = conversation.current_session_id
    if current == session.pk or current is None or (not is_asked and conversation_used(conversation.pk)):
        return {"sessionId": str(session.pk), "moved": False}, NO_EFFECTS
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
