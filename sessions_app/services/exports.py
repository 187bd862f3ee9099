"""Giving account of exports of many sessions at once; one session as a page gives it is in `reading`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.selectors.reading import reading_require
from sessions_app.services._text import line_checked
from sessions_app.services.audit import audit_record
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, REASON_MAX_CHARS, Answer, AuditType, Call


@verb(audit=AuditType.SESSION_EXPORTED)
def exports_record(call: Call, *, sessions: Mapping[str, Sequence[UUID]], form: str, reason: str = "") -> Answer:
    """Write down that sessions are about to be copied out of here, before the first byte leaves.

    Args:
        call: who, by which way.
        sessions: by their keys, few enough for one transaction.
        form: e.g. "tar.zst".
        reason: the person's own words; owners read them.

    Returns:
        {auditIds}: in the order of the keys.

    Raises:
        ReasonRequiredError: some are somebody else's, and no reason was given for them within the hour.
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`.

    Writes: AuditEvent +1 for each key.
    """
    words = line_checked(reason, name="reason", max_chars=REASON_MAX_CHARS)
    found = []
    for key, ids in sessions.items():
        conversation = access.conversation(call.actor, Action.EXPORT, key)
        reading_require(call.actor, conversation, *ids)
        only = ids[0] if len(ids) == 1 else None
        facts = {"form": form, "sessions": len(ids)}
        event = audit_record(
            call,
            AuditType.SESSION_EXPORTED,
            session_key=key,
            old_session_id=only,
            new_session_id=only,
            reason=words,
            data=facts,
        )
        found.append(event.seq)
    return {"auditIds": found}, NO_EFFECTS
