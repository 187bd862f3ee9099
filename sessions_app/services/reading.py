"""Giving account of reading what others own: opening a session with a reason, and taking a copy outside."""

from __future__ import annotations

from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.selectors.places import session_in
from sessions_app.selectors.reading import OPEN_FOR, reading_asks, reading_require
from sessions_app.selectors.wire import wire_time
from sessions_app.services._text import line_checked
from sessions_app.services.audit import audit_record
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, REASON_MAX_CHARS, Answer, AuditType, Call


@verb(audit=AuditType.SESSION_OPENED)
def session_open(call: Call, *, session_key: str, session_id: UUID, reason: str) -> Answer:
    """Say why a session of somebody else is read: its text may be shown to this actor for an hour.

    Nothing is written for one's own session, nor where no reason is asked (HOLDFAST_ASK_READING_REASON).

    Args:
        call: who, by which way.
        session_key: the conversation.
        session_id: a session of it.
        reason: the person's own words; its owner reads them.

    Returns:
        {sessionKey, sessionId, readableUntil, auditId}; the last two are None where no reason is asked.

    Raises:
        InvalidParamsError: the reason is empty.
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`.

    Writes: AuditEvent +1.
    """
    conversation = access.conversation(call.actor, Action.VIEW, session_key)
    session = session_in(conversation, session_id)
    words = line_checked(reason, name="reason", max_chars=REASON_MAX_CHARS)
    answer = {"sessionKey": session_key, "sessionId": str(session_id), "readableUntil": None, "auditId": None}
    if not reading_asks(call.actor, conversation.owner_id):
        return answer, NO_EFFECTS
    if not words:
        raise InvalidParamsError("Say in a few words why you read this.", field="reason")
    event = audit_record(
        call,
        AuditType.SESSION_OPENED,
        session_key=session_key,
        old_session_id=session.pk,
        new_session_id=session.pk,
        reason=words,
    )
    return answer | {"readableUntil": wire_time(event.created_at + OPEN_FOR), "auditId": event.seq}, NO_EFFECTS


@verb(audit=AuditType.SESSION_EXPORTED)
def session_export_record(call: Call, *, session_id: UUID, form: str) -> Answer:
    """Write down that a session is about to be copied out of here, before the first byte leaves.

    Args:
        call: who, by which way.
        session_id: current or archived.
        form: e.g. "markdown".

    Returns:
        {sessionKey, sessionId, auditId}.

    Raises:
        ReasonRequiredError: it is somebody else's, and no reason was given.
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.session`.

    Writes: AuditEvent +1.
    """
    session = access.session(call.actor, Action.EXPORT, session_id)
    reading_require(call.actor, session.conversation, session.pk)
    event = audit_record(
        call,
        AuditType.SESSION_EXPORTED,
        session_key=session.conversation.key,
        old_session_id=session.pk,
        new_session_id=session.pk,
        data={"form": form, "entries": session.last_seq},
    )
    return {"sessionKey": session.conversation.key, "sessionId": str(session.pk), "auditId": event.seq}, NO_EFFECTS
