"""Reset: archive the current session and point the key at a new, empty one. Nothing is deleted.

Two calls: the preview gives facts and a token, the reset takes the token.
"""

from __future__ import annotations

import uuid
from uuid import UUID

from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.canonical import digest
from sessions_app.errors import ConfirmationRequiredError, ConfirmationStaleError
from sessions_app.models import AuditEvent, Conversation, Session
from sessions_app.selectors.places import session_current
from sessions_app.services._lock import lock_check
from sessions_app.services._pointer import Move, Moved, pointer_check, pointer_move, session_create
from sessions_app.services._run_end import open_runs
from sessions_app.services._run_rows import runs_insert, user_turn
from sessions_app.services._text import line_checked, text_checked, user_text_checked
from sessions_app.services.confirmation import confirmation_check, confirmation_issue
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import (
    REASON_MAX_CHARS,
    REQUEST_ID_MAX_CHARS,
    Actor,
    Answer,
    AuditType,
    Call,
    Effects,
    EndReason,
    EventType,
    HookType,
    Json,
    Outcome,
    RunState,
    StartReason,
)

COMMAND_TEXT_KEPT_CHARS = 200

# docs/reset.md has this table in words, and a test for each row of it
KEPT = ("title", "agent", "pin", "lock", "checkpoints", "the archived session itself")
CLEARED = ("the agent's view of earlier messages", "messages waiting for an answer", "unsent drafts")


def reset_preview(actor: Actor, *, session_key: str) -> Json:
    """What a reset of this conversation would do, and the token that confirms it. Four queries.

    Args:
        actor: who asks; the token is good for nobody else.
        session_key: the conversation.

    Returns:
        {sessionKey, sessionId, title, entries, messages, lastSeq, lastActivityAt, activeRun, queued, kept, cleared, locked,
        token, expiresAt}.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`.
    """
    conversation = access.conversation(actor, Action.RESET, session_key)
    return _preview(actor, conversation, session_current(conversation))


@verb(audit=AuditType.SESSION_RESET, digest_ignores=("confirmation",), stops_runs=True)
def session_reset(  # noqa: PLR0913 - the protocol's parameters
    call: Call,
    *,
    session_key: str,
    session_id: UUID,
    confirmation: str = "",
    reason: str = "",
    message: str | None = None,
    stop_run: bool = False,
    command_text: str = "",
    typed_key: str = "",
) -> Answer:
    """Archive the current session of a conversation and start an empty one.

    Args:
        call: who, by which way; `request_id` makes a repeat safe.
        session_key: the conversation.
        session_id: the session the caller believes to be current.
        confirmation: token of `reset_preview`.
        reason: the person's own words.
        message: becomes the first user entry and run of the new session.
        stop_run: stop a running answer and keep what is there; without it a running or queued answer refuses the reset.
        command_text: the `/new …` that was typed, when one opened the dialog.
        typed_key: the session key once more, typed by hand; a locked conversation asks for it, and for a reason.

    Returns:
        {sessionKey, oldSessionId, newSessionId, archived: true, auditId, runId?}.

    Raises:
        ConfirmationRequiredError: no token; details carry the preview.
        ConfirmationStaleError: the token confirms something else.
        SessionMovedError: another session is current.
        RunInFlightError: an answer is running or queued.
        ConversationLockedError: as `_lock.lock_check`.

    Writes: as `_pointer.pointer_move`, Session +1; with a message Entry +1 and Run +1; one transaction.
    Source: docs/protocol.md `sessions.reset`.
    """
    conversation = access.conversation(call.actor, Action.RESET, session_key, lock=True)
    current = _confirmed(call, conversation, session_id, confirmation, stop_run=stop_run)
    lock_check(conversation, typed_key=typed_key, reason=reason)
    if message is not None:
        access.require(call.actor, Action.CHAT, conversation.owner_id)
        user_text_checked(message, session_key)
    journal = Journal()
    new = session_create(call, conversation, StartReason.RESET, journal)
    move = _move(reason, confirmation, command_text, with_message=message is not None)
    told: Json = {
        "nextSessionId": str(new.pk),
        "actor": call.actor.label,
        "trigger": call.trigger,
        "reason": move.reason,
    }
    journal.hook(HookType.BEFORE_RESET, session_id=current.pk, session_key=session_key, payload=told)
    moved = pointer_move(call, journal, conversation, new, move)
    Conversation.objects.filter(pk=conversation.pk).update(session_count=conversation.session_count + 1)
    answer: Json = {
        "sessionKey": session_key,
        "oldSessionId": str(current.pk),
        "newSessionId": str(new.pk),
        "archived": True,
        "auditId": moved.audit.seq,
    }
    if message is not None:
        answer["runId"] = str(_first_turn(call, journal, moved, message))
    return answer, journal.write() | Effects(wake_runner=message is not None, stop_runs=moved.stopped)


def _confirmed(call: Call, conversation: Conversation, believed: UUID, confirmation: str, *, stop_run: bool) -> Session:
    """The session that may be reset: the caller believes in it, has confirmed what it holds, and nothing runs in it."""
    current = session_current(conversation)
    if not confirmation:
        raise ConfirmationRequiredError(preview=_preview(call.actor, conversation, current))
    if current.pk != believed and _was_used(confirmation, conversation.key):
        raise ConfirmationStaleError("This confirmation was used already. Nothing more was changed.")
    pointer_check(conversation, believed, stop_run=True)
    confirmation_check(confirmation, call.actor, current.pk, current.last_seq)
    pointer_check(conversation, believed, stop_run=stop_run)
    return current


def _move(reason: str, confirmation: str, command_text: str, *, with_message: bool) -> Move:
    """What event, audit row and marker will say of this reset."""
    facts: Json = {"withMessage": with_message}
    if command_text:
        facts["commandText"] = text_checked(command_text, name="command text")[:COMMAND_TEXT_KEPT_CHARS]
    return Move(
        AuditType.SESSION_RESET,
        EventType.SESSION_RESET,
        EndReason.RESET,
        "session.reset",
        line_checked(reason, name="reason", max_chars=REASON_MAX_CHARS),
        facts,
        {"confirmation": digest(confirmation)},
    )


def _first_turn(call: Call, journal: Journal, moved: Moved, message: str) -> UUID:
    """The message that came along: first user entry and run of the new session. Its key is the reset's, so it cannot come twice."""
    request = Call(call.actor, call.trigger, f"reset:{call.request_id or uuid.uuid4().hex}"[:REQUEST_ID_MAX_CHARS])
    content = digest([str(moved.tip.session_id), message])
    run_id, _, row = user_turn(journal, moved.head, moved.tip, request, message=message, content=content)
    runs_insert([row])
    return run_id


def _was_used(confirmation: str, session_key: str) -> bool:
    """Whether a reset of this conversation took this token; the newest hundred are looked at, a token lives two minutes."""
    resets = AuditEvent.objects.filter(session_key=session_key, type=AuditType.SESSION_RESET, outcome=Outcome.OK)
    used = resets.order_by("-seq").values_list("data", flat=True)[:100]
    return digest(confirmation) in {data.get("confirmation") for data in used}


def _preview(actor: Actor, conversation: Conversation, session: Session) -> Json:
    now = timezone.now()
    token, expires_at = confirmation_issue(actor, session.pk, session.last_seq, now)
    waiting = open_runs(session.pk)
    running = next((run for run in waiting if run.state == RunState.RUNNING), None)
    active = running or (waiting[0] if waiting else None)
    return {
        "sessionKey": conversation.key,
        "sessionId": str(session.pk),
        "title": conversation.title,
        "entries": session.last_seq,
        "messages": session.messages,
        "lastSeq": session.last_seq,
        "lastActivityAt": (session.last_entry_at or session.started_at).isoformat().replace("+00:00", "Z"),
        "activeRun": {"runId": str(active.pk), "state": active.state} if active else None,
        "queued": sum(run.state == RunState.QUEUED for run in waiting),
        "kept": list(KEPT),
        "cleared": list(CLEARED),
        "locked": conversation.locked,
        "token": token,
        "expiresAt": expires_at.isoformat().replace("+00:00", "Z"),
    }
