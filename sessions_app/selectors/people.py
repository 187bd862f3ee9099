"""Who signs in, and where they begin."""

from __future__ import annotations

import hashlib

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import UnauthenticatedError
from sessions_app.models import ApiToken, Conversation, User
from sessions_app.values import Actor, Json


def token_actor(secret: str) -> Actor:
    """The actor a program's token stands for. Two queries.

    Raises:
        UnauthenticatedError: unknown, revoked, or of a disabled account.
    """
    hashed = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    token = ApiToken.objects.select_related("user").filter(token_hash=hashed, revoked_at=None).first()
    if token is None or not token.user.is_active:
        raise UnauthenticatedError("This token is not known, or was revoked.")
    return access.actor_for_token(token)


def hello(actor: Actor) -> Json:
    """Who an actor is, and the conversation they begin in. Three queries.

    Returns:
        {user: {id, name}, sessionDefaults: {sessionKey, sessionId}}; both keys are None without a conversation.

    Raises:
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    access.require(actor, Action.LIST)
    first = Conversation.objects.filter(owner_id=actor.user_id).order_by("created_at").first()
    name = User.objects.values_list("username", flat=True).filter(pk__in=[actor.user_id]).first()
    key, current = (first.key, str(first.current_session_id)) if first else (None, None)
    return {
        "user": {"id": str(actor.user_id), "name": name},
        "sessionDefaults": {"sessionKey": key, "sessionId": current},
    }
