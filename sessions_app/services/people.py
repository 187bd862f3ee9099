"""Accounts and their one-time sign-in links.

A link's token leaves here once, in the answer, and is stored as SHA-256 only; so these verbs keep no receipts: a repeat makes
another link, which does no harm, instead of storing one to answer with again.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

from django.contrib.auth.hashers import identify_hasher
from django.core.exceptions import ValidationError
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError
from sessions_app.models import SignInLink, User
from sessions_app.selectors.wire import wire_time
from sessions_app.services._accounts import groups_named, new_secret, secret_hash, superuser_guarded, user_named
from sessions_app.services.audit import audit_record
from sessions_app.services.conversations import conversation_add, key_free
from sessions_app.services.perform import verb
from sessions_app.values import (
    NO_EFFECTS,
    SIGN_IN_LINK_MAX_AGE_SECONDS,
    Actor,
    ActorKind,
    Answer,
    AuditType,
    Call,
)

# Whoever opens a sign-in link is nobody yet; a refusal is recorded under this name.
VISITOR = Actor(kind=ActorKind.SYSTEM, id="signin", label="someone with a sign-in link", scopes=frozenset())


@verb(audit=AuditType.USER_CREATED, keeps_receipt=False)
def user_create(
    call: Call,
    *,
    username: str,
    groups: Sequence[str] = ("User",),
    is_superuser: bool = False,
    conversation: str = "",
) -> Answer:
    """Create an account that has no password yet, with its default conversation.

    Args:
        call: who creates it.
        username: letters, digits and @ . + - _; unique whatever the case.
        groups: names of groups.
        is_superuser: may do everything, the admin pages included.
        conversation: name in the key of the default conversation; the user name without one.

    Returns:
        {userId, username, groups, sessionKey, sessionId}.

    Raises:
        InvalidParamsError: the name is taken or has other characters, or there is no such group.
        ForbiddenError, UnauthenticatedError: the caller may not manage people, or wants a superuser and is none.

    Writes: User +1, AuditEvent +1, and its conversation; one transaction.
    """
    standing = access.require(call.actor, Action.MANAGE)
    if is_superuser and not standing.is_superuser:
        raise ForbiddenError("Only a superuser can make another one.")
    user = User(username=User.normalize_username(username), is_superuser=is_superuser, is_staff=is_superuser)
    user.set_unusable_password()
    try:
        user.full_clean()
    except ValidationError as error:
        raise InvalidParamsError(" ".join(error.messages), field=next(iter(error.message_dict))) from error
    if User.objects.filter(username__iexact=user.username).exists():
        raise InvalidParamsError(f"The name {user.username} is taken.", field="username")
    members = groups_named(groups)
    user.save()
    user.groups.set(members)
    audit_record(call, AuditType.USER_CREATED, data={"username": user.username, "groups": sorted(groups)})
    place = conversation_add(call, key=key_free("main", conversation or user.username), owner_id=user.pk)
    answer = {
        "userId": user.pk,
        "username": user.username,
        "groups": sorted(groups),
        "sessionKey": place.key,
        "sessionId": str(place.current_session_id),
    }
    return answer, NO_EFFECTS


@verb(audit=AuditType.USER_CHANGED, keeps_receipt=False)
def user_change(
    call: Call, *, username: str, is_active: bool | None = None, groups: Sequence[str] | None = None
) -> Answer:
    """Disable or enable an account, or set its groups. None leaves a thing as it is.

    Returns:
        {userId, username, isActive, groups}.

    Raises:
        NotFoundError: there is no such account.
        InvalidParamsError: there is no such group, or the caller would lock themselves out.
        ForbiddenError, UnauthenticatedError: the caller may not manage people.

    Writes: User, its groups, AuditEvent +1; one transaction.
    """
    standing = access.require(call.actor, Action.MANAGE)
    user = superuser_guarded(user_named(username), standing)
    if user.pk == call.actor.user_id:
        raise InvalidParamsError("You cannot disable yourself or change your own groups.", field="username")
    if is_active is not None:
        User.objects.filter(pk=user.pk).update(is_active=is_active)
        user.is_active = is_active
    if groups is not None:
        user.groups.set(groups_named(groups))
    state = {"isActive": user.is_active, "groups": sorted(user.groups.values_list("name", flat=True))}
    audit_record(call, AuditType.USER_CHANGED, data={"username": user.username, **state})
    return {"userId": user.pk, "username": user.username, **state}, NO_EFFECTS


@verb(audit=AuditType.USER_CHANGED, keeps_receipt=False)
def password_set(call: Call, *, password_hash: str) -> Answer:
    """Set the caller's own password.

    Args:
        call: a signed-in person.
        password_hash: made by `make_password`, after the validators, before the transaction: hashing takes a fifth of a second.

    Returns:
        {userId, username}.

    Raises:
        ForbiddenError: the caller is no person.

    Writes: User.password, AuditEvent +1; one transaction.
    """
    if call.actor.kind is not ActorKind.USER or call.actor.user_id is None:
        raise ForbiddenError("Only a signed-in person can set their password.")
    access.require(call.actor, Action.LIST)
    identify_hasher(password_hash)
    User.objects.filter(pk=call.actor.user_id).update(password=password_hash)
    audit_record(call, AuditType.USER_CHANGED, data={"username": call.actor.label, "password": "set"})
    return {"userId": call.actor.user_id, "username": call.actor.label}, NO_EFFECTS


@verb(audit=AuditType.SIGN_IN_LINK_CREATED, keeps_receipt=False)
def sign_in_link_create(call: Call, *, username: str) -> Answer:
    """Make a link that signs one person in, once, within SIGN_IN_LINK_MAX_AGE_SECONDS.

    Returns:
        {token, username, expiresAt}; the token is shown this once.

    Raises:
        NotFoundError: there is no such account, or it is disabled.
        ForbiddenError, UnauthenticatedError: the caller may not manage people.

    Writes: SignInLink +1, AuditEvent +1; one transaction.
    """
    standing = access.require(call.actor, Action.MANAGE)
    user = superuser_guarded(user_named(username, only_active=True), standing)
    token = new_secret()
    now = timezone.now()
    expires_at = now + datetime.timedelta(seconds=SIGN_IN_LINK_MAX_AGE_SECONDS)
    SignInLink.objects.create(user=user, token_hash=secret_hash(token), created_at=now, expires_at=expires_at)
    audit_record(call, AuditType.SIGN_IN_LINK_CREATED, data={"username": user.username})
    answer = {"token": token, "username": user.username, "expiresAt": wire_time(expires_at)}
    return answer, NO_EFFECTS


@verb(audit=AuditType.SIGNED_IN, keeps_receipt=False)
def sign_in_link_use(call: Call, *, token: str) -> Answer:
    """Use a sign-in link up. Nobody is signed in yet, so nothing is asked of the caller but the link.

    Args:
        call: VISITOR; a success is recorded under the account the link is for.
        token: the last part of the link.

    Returns:
        {userId, username}; the caller signs that account in.

    Raises:
        NotFoundError: the link is unknown, used, too old, or its account is disabled; all in the same words.

    Writes: SignInLink.used_at by compare-and-set, AuditEvent +1; one transaction.
    """
    now = timezone.now()
    good = SignInLink.objects.filter(
        token_hash=secret_hash(token), used_at=None, expires_at__gt=now, user__is_active=True
    )
    link = good.select_related("user").first()
    if link is None or not SignInLink.objects.filter(pk=link.pk, used_at=None).update(used_at=now):
        raise NotFoundError("This sign-in link is unknown, was used, or is too old. Ask for a new one.")
    person = dataclasses.replace(call, actor=access.actor_for_user(link.user))
    audit_record(person, AuditType.SIGNED_IN, data={"by": "link"})
    return {"userId": link.user.pk, "username": link.user.username}, NO_EFFECTS
