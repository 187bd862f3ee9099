"""Tokens as lists show them; the secret itself is nowhere to be read."""

from __future__ import annotations

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import ApiToken
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, Json


def token_list(actor: Actor, *, username: str = "") -> Json:
    """Tokens, newest first. Two queries.

    Args:
        actor: somebody who manages people, or the account itself.
        username: tokens of this account only; "" for everybody's.

    Returns:
        {"tokens": [{tokenId, username, name, prefix, scopes, createdAt, lastUsedAt, revokedAt}]}.

    Raises:
        ForbiddenError, UnauthenticatedError: the caller may not see these.
    """
    access.require(actor, Action.LIST if username and username == actor.label else Action.MANAGE)
    rows = ApiToken.objects.select_related("user").order_by("-pk")
    if username:
        rows = rows.filter(user__username=username)
    return {"tokens": [_token(row) for row in rows]}


def _token(row: ApiToken) -> Json:
    return {
        "tokenId": row.pk,
        "username": row.user.username,
        "name": row.name,
        "prefix": row.prefix,
        "scopes": row.scopes.split(","),
        "createdAt": wire_time(row.created_at),
        "lastUsedAt": wire_time(row.last_used_at),
        "revokedAt": wire_time(row.revoked_at),
    }
