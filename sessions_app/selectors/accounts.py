"""Accounts as the People page shows them, and the sign-ins a person may always see: their own."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db.models import QuerySet

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import NotFoundError
from sessions_app.models import AuditEvent, User
from sessions_app.selectors.wire import cursor_read, cursor_write, page_size, wire_time
from sessions_app.values import Actor, ActorKind, AuditType, Json, Outcome


def account_list(
    actor: Actor, *, query: str = "", group: str = "", state: str = "", limit: int = 50, cursor: str = ""
) -> Json:
    """Accounts by name. Three queries.

    Args:
        actor: who asks; needs `manage`.
        query: part of a user name.
        group: only members of this group.
        state: "active" or "disabled"; "" for both.
        limit: rows on a page, at most PAGE_MAX_ROWS.
        cursor: `nextCursor` of the page before.

    Returns:
        {accounts: [{username, groups, isActive, isSuperuser, hasPassword, lastSignInAt, createdAt}], nextCursor}.

    Raises:
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    access.require(actor, Action.MANAGE)
    rows: QuerySet[User] = User.objects.order_by("username").prefetch_related("groups")
    if query:
        rows = rows.filter(username__icontains=query)
    if group:
        rows = rows.filter(groups__name=group)
    if state:
        rows = rows.filter(is_active=state == "active")
    position = cursor_read(cursor, 1)
    if position is not None:
        rows = rows.filter(username__gt=position[0])
    found = list(rows[: page_size(limit) + 1])
    page = found[:limit]
    return {
        "accounts": [_account(row) for row in page],
        "nextCursor": cursor_write(page[-1].username) if len(found) > limit else None,
    }


def account_get(actor: Actor, *, username: str) -> Json:
    """One account, as `account_list` has it. Three queries.

    Raises:
        NotFoundError: there is no such account.
        ForbiddenError, UnauthenticatedError: the caller neither is it nor manages people.
    """
    access.require(actor, Action.LIST if _is_own(actor, username) else Action.MANAGE)
    row = User.objects.prefetch_related("groups").filter(username=username).first()
    if row is None:
        raise NotFoundError(f"There is no account {username[:80]}.", username=username[:150])
    return _account(row)


def group_list(actor: Actor) -> list[Json]:
    """Every group with what its members may do, in words. Three queries.

    Returns:
        [{name, may: [str]}], the one with the fewest permissions first.
    """
    access.require(actor, Action.MANAGE)
    rows = [
        {"name": group.name, "may": [permission.name for permission in group.permissions.all()]}
        for group in Group.objects.prefetch_related("permissions")
    ]
    return sorted(rows, key=lambda row: (len(row["may"]), row["name"]))


def sign_in_list(actor: Actor, *, username: str, limit: int = 20) -> Json:
    """The newest sign-ins of an account. Two queries.

    A person sees their own without `view_audit`: it is how they notice that somebody else was here.

    Returns:
        {signIns: [{id, timestamp, by}]}, newest first; `by` is "link" or "password".

    Raises:
        ForbiddenError, UnauthenticatedError: the caller neither is this account nor manages people.
    """
    access.require(actor, Action.LIST if _is_own(actor, username) else Action.MANAGE)
    rows = AuditEvent.objects.filter(
        type=AuditType.SIGNED_IN, outcome=Outcome.OK, actor_kind=ActorKind.USER, actor_label=username
    )
    found = rows.order_by("-seq")[: page_size(limit)]
    return {
        "signIns": [
            {"id": row.seq, "timestamp": wire_time(row.created_at), "by": str(row.data.get("by", ""))} for row in found
        ]
    }


def _is_own(actor: Actor, username: str) -> bool:
    return actor.kind is ActorKind.USER and actor.label == username


def _account(row: User) -> Json:
    return {
        "username": row.username,
        "groups": sorted(group.name for group in row.groups.all()),
        "isActive": row.is_active,
        "isSuperuser": row.is_superuser,
        "hasPassword": row.has_usable_password(),
        "lastSignInAt": wire_time(row.last_login),
        "createdAt": wire_time(row.date_joined),
    }
