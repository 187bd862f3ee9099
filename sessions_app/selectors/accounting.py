"""What others did with what one owns: who opened, exported, reset or restored it, when and why."""

from __future__ import annotations

from django.db.models import Q

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ForbiddenError
from sessions_app.models import ApiToken, AuditEvent, Conversation
from sessions_app.selectors.keyset import numbered_page
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, ActorKind, AuditType, Json, Outcome

SHOWN = (
    AuditType.SESSION_OPENED,
    AuditType.SESSION_EXPORTED,
    AuditType.SESSION_RESTORED,
    AuditType.SESSION_RESET,
    AuditType.SESSION_BRANCHED,
)


def access_list(actor: Actor, *, session_key: str = "", limit: int = 50, cursor: str = "") -> Json:
    """What others did with the conversations of an actor's account, newest first. Three queries, four with a key.

    Args:
        actor: who asks; hears of their own conversations only, and needs no `view_audit` for it.
        session_key: only of this one.
        limit: rows on a page, at most PAGE_MAX_ROWS.
        cursor: `nextCursor` of the page before.

    Returns:
        {events: [{id, timestamp, type, actor, trigger, sessionKey, sessionId, reason, form}], nextCursor}; `form` says what an
        export was made as.

    Raises:
        ForbiddenError, UnauthenticatedError: not signed in, or the conversation is somebody else's.
    """
    access.require(actor, Action.LIST)
    if actor.user_id is None:
        return {"events": [], "nextCursor": None}
    keys = Conversation.objects.filter(owner_id=actor.user_id)
    if session_key:
        if access.conversation(actor, Action.VIEW, session_key).owner_id != actor.user_id:
            raise ForbiddenError("Who read a conversation is told to its owner. The audit log has it too.")
        keys = keys.filter(key=session_key)
    own_tokens = [str(pk) for pk in ApiToken.objects.filter(user_id=actor.user_id).values_list("pk", flat=True)]
    rows = AuditEvent.objects.filter(type__in=SHOWN, outcome=Outcome.OK, session_key__in=keys.values("key"))
    rows = rows.exclude(Q(actor_kind=ActorKind.USER, actor_id=str(actor.user_id)))
    rows = rows.exclude(Q(actor_kind=ActorKind.TOKEN, actor_id__in=own_tokens))
    page, following = numbered_page(rows, limit=limit, cursor=cursor)
    return {"events": [_event(row) for row in page], "nextCursor": following}


def _event(row: AuditEvent) -> Json:
    session = row.old_session_id or row.new_session_id
    return {
        "id": row.seq,
        "timestamp": wire_time(row.created_at),
        "type": row.type,
        "actor": row.actor_label,
        "trigger": row.trigger,
        "sessionKey": row.session_key,
        "sessionId": str(session) if session else None,
        "reason": row.reason,
        "form": str(row.data.get("form", "")),
    }
