"""Who may do what: one function, one table.

Every verb and selector that serves people asks here first, inside its own transaction, so that socket, page, admin and command
line cannot differ. What may be done is the intersection of what the way in allows (scopes) and what the person may (permissions).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db import connection

from sessions_app.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from sessions_app.models import ApiToken, Conversation, Session, User
from sessions_app.values import Actor, ActorKind, Scope


class Action(StrEnum):
    """What can be asked for."""

    LIST = "list"
    VIEW = "view"
    CHAT = "chat"
    CREATE = "create"
    CHANGE = "change"
    RESET = "reset"
    COMPACT = "compact"
    RESTORE = "restore"
    CHECKPOINT = "checkpoint"
    BRANCH = "branch"
    VIEW_AUDIT = "view_audit"
    EXPORT = "export"
    MANAGE = "manage"


@dataclass(frozen=True, slots=True)
class Rule:
    """What an action needs: a scope, and a permission on one's own conversations and on those of others ("" means never)."""

    scope: Scope
    own: str
    others: str


# docs/permissions.md says the same in words; a test compares them.
RULES: dict[Action, Rule] = {
    Action.LIST: Rule(Scope.READ, "", ""),
    Action.VIEW: Rule(Scope.READ, "chat_own", "view_any"),
    Action.CHAT: Rule(Scope.WRITE, "chat_own", "manage"),
    Action.CREATE: Rule(Scope.WRITE, "chat_own", "chat_own"),
    Action.CHANGE: Rule(Scope.WRITE, "chat_own", "manage"),
    Action.RESET: Rule(Scope.WRITE, "chat_own", "reset_any"),
    Action.COMPACT: Rule(Scope.WRITE, "chat_own", "reset_any"),
    Action.RESTORE: Rule(Scope.WRITE, "chat_own", "restore_any"),
    Action.CHECKPOINT: Rule(Scope.WRITE, "chat_own", "restore_any"),
    Action.BRANCH: Rule(Scope.WRITE, "chat_own", "restore_any"),
    Action.VIEW_AUDIT: Rule(Scope.READ, "view_audit", "view_audit"),
    Action.EXPORT: Rule(Scope.READ, "chat_own", "export"),
    Action.MANAGE: Rule(Scope.ADMIN, "manage", "manage"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What an account may do right now."""

    is_active: bool = False
    is_superuser: bool = False
    permissions: frozenset[str] = frozenset()

    def has(self, permission: str) -> bool:
        """Whether the account holds a permission; superusers hold all."""
        return self.is_superuser or permission in self.permissions


SYSTEM_STANDING = Standing(is_active=True, is_superuser=True)

_STANDING_SQL = """
    SELECT u.id, u.is_active, u.is_superuser, p.codename
    FROM sessions_app_user u
    LEFT JOIN (
        SELECT ug.user_id, gp.permission_id FROM sessions_app_user_groups ug
            JOIN auth_group_permissions gp ON gp.group_id = ug.group_id
        UNION ALL SELECT up.user_id, up.permission_id FROM sessions_app_user_user_permissions up
    ) held ON held.user_id = u.id
    LEFT JOIN auth_permission p ON p.id = held.permission_id
        AND p.content_type_id = (SELECT id FROM django_content_type WHERE app_label = 'sessions_app' AND model = 'conversation')
    WHERE u.id IN ({marks})
"""
_GOOD_TOKENS_SQL = "SELECT id FROM sessions_app_apitoken WHERE id IN ({marks}) AND revoked_at IS NULL"


def standings(actors: Iterable[Actor]) -> dict[Actor, Standing]:
    """What each actor's account may do right now. One query, two when tokens are among them.

    A revoked token has no standing, whatever its account may.
    """
    wanted = set(actors)
    result = {actor: SYSTEM_STANDING if actor.kind is ActorKind.SYSTEM else Standing() for actor in wanted}
    users = {actor.user_id for actor in wanted if actor.user_id is not None}
    if not users:
        return result
    found: dict[int, tuple[bool, bool, set[str]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_STANDING_SQL.format(marks=",".join(["%s"] * len(users))), list(users))
        for user_id, is_active, is_superuser, codename in cursor.fetchall():
            found.setdefault(user_id, (bool(is_active), bool(is_superuser), set()))[2].add(codename or "")
    good = _good_tokens([actor.token_id for actor in wanted if actor.token_id is not None])
    for actor in wanted:
        if actor.user_id in found and (actor.token_id is None or actor.token_id in good):
            is_active, is_superuser, permissions = found[actor.user_id]
            result[actor] = Standing(is_active, is_superuser, frozenset(permissions - {""}))
    return result


def _good_tokens(token_ids: list[int]) -> set[int]:
    """Those of these tokens that are not revoked. One query, none without tokens; written out, because every call asks it."""
    if not token_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_GOOD_TOKENS_SQL.format(marks=",".join(["%s"] * len(token_ids))), token_ids)
        return {row[0] for row in cursor.fetchall()}


def allow(standing: Standing, actor: Actor, action: Action, owner_id: int | None) -> None:
    """Apply the table to a standing that was read already.

    Args:
        standing: what the account may do.
        actor: who asks; brings the scopes.
        action: what is wanted.
        owner_id: the account that owns the target; None when there is no single target.

    Raises:
        UnauthenticatedError: the account is gone or disabled, or the token is revoked.
        ForbiddenError: scope or permission is missing.
    """
    if not standing.is_active:
        raise UnauthenticatedError("This account is disabled, or its token was revoked. Ask an administrator.")
    rule = RULES[action]
    if rule.scope not in actor.scopes:
        raise ForbiddenError(f"This token lacks the scope {rule.scope}.", scope=str(rule.scope))
    if action is Action.LIST:
        return
    is_own = owner_id is not None and owner_id == actor.user_id
    permission = rule.own if is_own else rule.others
    if actor.kind is not ActorKind.SYSTEM and not standing.has(permission):
        raise ForbiddenError(f"You may not {action.replace('_', ' ')} here.", permission=permission)


def require(actor: Actor, action: Action, owner_id: int | None = None) -> Standing:
    """Refuse, unless the actor may do this. One query, two for a token.

    Returns:
        The standing, for selectors that filter by it.

    Raises:
        UnauthenticatedError, ForbiddenError: as `allow`.
    """
    standing = standings([actor])[actor]
    allow(standing, actor, action, owner_id)
    return standing


def conversation(actor: Actor, action: Action, session_key: str, *, lock: bool = False) -> Conversation:
    """The conversation a key names, if the actor may do this with it. Two queries, three for a token.

    Args:
        actor: who asks.
        action: what is wanted.
        session_key: e.g. `agent:main:main`.
        lock: lock the row until the transaction ends (PostgreSQL; on SQLite the write transaction is the lock).

    Raises:
        NotFoundError: no conversation has this key.
        UnauthenticatedError, ForbiddenError: as `allow`.
    """
    rows = Conversation.objects.select_for_update() if lock else Conversation.objects
    found = rows.filter(key=session_key).first()
    require(actor, action if found else Action.LIST, found.owner_id if found else None)
    if found is None:
        raise NotFoundError(f"There is no conversation {session_key[:80]}.", sessionKey=session_key[:200])
    return found


def session(actor: Actor, action: Action, session_id: UUID) -> Session:
    """A session by its id, with its conversation, if the actor may do this with it. Two queries, three for a token.

    Raises:
        NotFoundError: there is no such session.
        UnauthenticatedError, ForbiddenError: as `allow`.
    """
    found = Session.objects.select_related("conversation__owner").filter(pk=session_id).first()
    require(actor, action if found else Action.LIST, found.conversation.owner_id if found else None)
    if found is None:
        raise NotFoundError("There is no such session.", sessionId=str(session_id))
    return found


def actor_for_user(user: User) -> Actor:
    """The actor a signed-in person is."""
    return Actor(kind=ActorKind.USER, id=str(user.pk), label=user.get_username(), user_id=user.pk)


def actor_for_token(token: ApiToken) -> Actor:
    """The actor a program's token is; `token.user` must be loaded or is read."""
    return Actor(
        kind=ActorKind.TOKEN,
        id=str(token.pk),
        label=f'token "{token.name}" of {token.user.get_username()}'[:200],
        user_id=token.user_id,
        scopes=frozenset(Scope(word) for word in token.scopes.split(",") if word),
        token_id=token.pk,
    )
