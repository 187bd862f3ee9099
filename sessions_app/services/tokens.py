"""Tokens: what programs show instead of a password.

A token leaves here once, in the answer, and is stored as SHA-256 only; so `token_create` keeps no receipt.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError
from sessions_app.models import ApiToken, User
from sessions_app.selectors.wire import wire_time
from sessions_app.services._accounts import new_secret, secret_hash, superuser_guarded, user_named
from sessions_app.services._text import line_checked
from sessions_app.services.audit import audit_record
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Actor, ActorKind, Answer, AuditType, Call, Scope

TOKEN_PREFIX = "hf_"  # noqa: S105 - how a token begins, so that people and scanners recognise one
_PREFIX_SHOWN_CHARS = 12


@verb(audit=AuditType.TOKEN_CREATED, keeps_receipt=False)
def token_create(call: Call, *, username: str, name: str, scopes: Sequence[str]) -> Answer:
    """Make a token with which a program acts for an account, within scopes.

    Args:
        call: the account itself, or somebody who manages people.
        username: the account.
        name: what people call the program.
        scopes: any of read, write, admin; at least one.

    Returns:
        {token, tokenId, prefix, scopes, name, username}; the token is shown this once.

    Raises:
        InvalidParamsError: unknown or no scopes, or no name.
        NotFoundError: there is no such account, or it is disabled.
        ForbiddenError, UnauthenticatedError: the caller is neither; or is a token that would get more than it has.

    Writes: ApiToken +1, AuditEvent +1; one transaction.
    """
    user = _account_for(call.actor, username)
    wanted = _scopes(scopes)
    if not wanted <= call.actor.scopes:
        raise ForbiddenError("A token cannot make one that may do more than itself.")
    title = line_checked(name, name="name", max_chars=100)
    if not title:
        raise InvalidParamsError("Give the token a name, so that it can be told from others later.", field="name")
    token = TOKEN_PREFIX + new_secret()
    words = [str(scope) for scope in Scope if scope in wanted]
    row = ApiToken.objects.create(
        user=user,
        name=title,
        token_hash=secret_hash(token),
        prefix=token[:_PREFIX_SHOWN_CHARS],
        scopes=",".join(words),
        created_at=timezone.now(),
    )
    facts = {"tokenId": row.pk, "prefix": row.prefix, "scopes": words, "name": title, "username": user.username}
    audit_record(call, AuditType.TOKEN_CREATED, data=facts)
    return {"token": token, **facts}, NO_EFFECTS


@verb(audit=AuditType.TOKEN_REVOKED, keeps_receipt=False)
def token_revoke(call: Call, *, token_id: int) -> Answer:
    """Make a token worthless from its next call on. A repeat changes nothing and says so.

    Returns:
        {tokenId, name, username, revokedAt, alreadyRevoked}.

    Raises:
        NotFoundError: there is no such token.
        ForbiddenError, UnauthenticatedError: the caller is neither its account nor manages people.

    Writes: ApiToken.revoked_at by compare-and-set, AuditEvent +1; one transaction.
    """
    row = ApiToken.objects.select_related("user").filter(pk=token_id).first()
    if row is None:
        access.require(call.actor, Action.MANAGE)
        raise NotFoundError(f"There is no token {token_id}.", tokenId=token_id)
    _account_for(call.actor, row.user.username, only_active=False)
    now = timezone.now()
    changed = ApiToken.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=now)
    facts = {"tokenId": row.pk, "name": row.name, "username": row.user.username}
    if changed:
        audit_record(call, AuditType.TOKEN_REVOKED, data=facts)
    return {**facts, "revokedAt": wire_time(row.revoked_at or now), "alreadyRevoked": not changed}, NO_EFFECTS


def _account_for(actor: Actor, username: str, *, only_active: bool = True) -> User:
    """The named account, if the actor is it or manages people."""
    if actor.kind is ActorKind.USER and actor.label == username:
        standing = access.require(actor, Action.LIST)
    else:
        standing = access.require(actor, Action.MANAGE)
    return superuser_guarded(user_named(username, only_active=only_active), standing)


def _scopes(words: Sequence[str]) -> frozenset[Scope]:
    try:
        scopes = frozenset(Scope(word.strip()) for word in words if word.strip())
    except ValueError as error:
        raise InvalidParamsError("Scopes are read, write and admin.", field="scopes") from error
    if not scopes:
        raise InvalidParamsError("A token needs at least one scope: read, write or admin.", field="scopes")
    return scopes


@verb(keeps_receipt=False)
def token_seen(call: Call, *, token_id: int) -> Answer:
    """Note that a token was used. Said at most once a minute by each process.

    Args:
        call: the system's.
        token_id: the token.

    Writes: ApiToken.last_used_at.
    """
    del call
    return {"seen": ApiToken.objects.filter(pk=token_id).update(last_used_at=timezone.now())}, NO_EFFECTS
