"""Restore: bring back what a reset put aside. One click, because the session it displaces is archived and can be restored too.

An archived session comes back as itself, with the same id. A position inside one (a checkpoint, or any entry) comes back as a new
session whose parent it is; nothing is copied.
"""

from __future__ import annotations

from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ForbiddenError, InvalidParamsError
from sessions_app.models import Conversation, Session
from sessions_app.selectors.damage import damage_refuse
from sessions_app.selectors.places import checkpoint_in, session_in
from sessions_app.services._lineage import session_from
from sessions_app.services._lock import lock_check
from sessions_app.services._pointer import Move, pointer_check, pointer_move
from sessions_app.services._text import line_checked
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import (
    REASON_MAX_CHARS,
    Answer,
    AuditType,
    Call,
    ConversationKind,
    Effects,
    EndReason,
    EventType,
    Json,
    StartReason,
)


@verb(audit=AuditType.SESSION_RESTORED, stops_runs=True)
def archive_restore(
    call: Call,
    *,
    session_key: str,
    session_id: UUID,
    expected_current_session_id: UUID,
    reason: str = "",
    stop_run: bool = False,
    typed_key: str = "",
) -> Answer:
    """Make an archived session current again: the same session id comes back, the displaced one is archived.

    Args:
        call: who, by which way; `request_id` makes a repeat safe.
        session_key: the conversation.
        session_id: the archived session.
        expected_current_session_id: the session the caller believes to be current.
        reason: the person's own words.
        stop_run: stop a running answer and keep what is there; without it a running or queued answer refuses the restore.
        typed_key: the session key once more, typed by hand; a locked conversation asks for it, and for a reason.

    Returns:
        {sessionKey, oldSessionId, newSessionId, auditId, undo: {sessionId}}; restoring `undo.sessionId` undoes it.

    Raises:
        NotFoundError: no such session under this key.
        InvalidParamsError: it is the current one.
        ForbiddenError: it is damaged: nothing could be said in it. An entry before the damage can be gone on from.
        SessionMovedError, RunInFlightError: as `_pointer.pointer_check`.
        ConversationLockedError: as `_lock.lock_check`.

    Writes: as `_pointer.pointer_move`; one transaction.
    Source: docs/protocol.md `archives.restore`.
    """
    conversation = _checked(call, session_key, expected_current_session_id, stop_run=stop_run)
    lock_check(conversation, typed_key=typed_key, reason=reason)
    session = session_in(conversation, session_id)
    if session.pk == conversation.current_session_id:
        raise InvalidParamsError(
            "This session is the current one already.", field="sessionId", sessionId=str(session_id)
        )
    damage_refuse(session_key, session.pk, session.damaged_from, session.damage)
    return _restored(call, conversation, session, Journal(), reason, "session.restored", {})


@verb(audit=AuditType.SESSION_RESTORED, stops_runs=True)
def checkpoint_restore(
    call: Call,
    *,
    session_key: str,
    checkpoint_id: UUID,
    expected_current_session_id: UUID,
    reason: str = "",
    stop_run: bool = False,
    typed_key: str = "",
) -> Answer:
    """Continue from a checkpoint: a new session with the checkpoint as its parent becomes current under the same key.

    Arguments, answer and errors as `archive_restore`; `checkpoint_id` names a checkpoint of this conversation.
    """
    conversation = _checked(call, session_key, expected_current_session_id, stop_run=stop_run)
    lock_check(conversation, typed_key=typed_key, reason=reason)
    checkpoint = checkpoint_in(conversation, checkpoint_id)
    facts: Json = {"checkpointId": str(checkpoint.pk), "label": checkpoint.label}
    return _restored_from(call, conversation, checkpoint.session, checkpoint.seq, reason, "checkpoint.restored", facts)


@verb(audit=AuditType.SESSION_RESTORED, stops_runs=True)
def position_restore(  # noqa: PLR0913 - the protocol's parameters
    call: Call,
    *,
    session_key: str,
    session_id: UUID,
    seq: int,
    expected_current_session_id: UUID,
    reason: str = "",
    stop_run: bool = False,
    typed_key: str = "",
) -> Answer:
    """Continue from any entry of any session of this conversation; as `checkpoint_restore` without a checkpoint."""
    conversation = _checked(call, session_key, expected_current_session_id, stop_run=stop_run)
    lock_check(conversation, typed_key=typed_key, reason=reason)
    session = session_in(conversation, session_id)
    return _restored_from(call, conversation, session, seq, reason, "position.restored", {})


def _checked(call: Call, session_key: str, believed: UUID, *, stop_run: bool) -> Conversation:
    conversation = access.conversation(call.actor, Action.RESTORE, session_key, lock=True)
    if conversation.kind == ConversationKind.CRON:
        raise ForbiddenError("This is the record of a scheduled job: it can be read and exported, not resumed.")
    pointer_check(conversation, believed, stop_run=stop_run)
    return conversation


def _restored_from(
    call: Call, conversation: Conversation, source: Session, seq: int, reason: str, marker: str, facts: Json
) -> Answer:
    journal = Journal()
    session = session_from(call, conversation, source, seq, StartReason.RESTORE, journal)
    facts = {**facts, "parentSessionId": str(session.parent_id), "parentSeq": seq}
    Conversation.objects.filter(pk=conversation.pk).update(session_count=conversation.session_count + 1)
    return _restored(call, conversation, session, journal, reason, marker, facts)


def _restored(
    call: Call, conversation: Conversation, session: Session, journal: Journal, reason: str, marker: str, facts: Json
) -> Answer:
    reason = line_checked(reason, name="reason", max_chars=REASON_MAX_CHARS)
    displaced = str(conversation.current_session_id)
    move = Move(AuditType.SESSION_RESTORED, EventType.SESSION_RESTORED, EndReason.RESTORE, marker, reason, facts)
    moved = pointer_move(call, journal, conversation, session, move)
    answer: Json = {
        "sessionKey": conversation.key,
        "oldSessionId": displaced,
        "newSessionId": str(session.pk),
        "auditId": moved.audit.seq,
        "undo": {"sessionId": displaced},
    }
    return answer, journal.write() | Effects(stop_runs=moved.stopped)
