"""What the verbs on accounts, links and tokens share."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from django.contrib.auth.models import Group

from sessions_app.access import Standing
from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError
from sessions_app.models import User

_SECRET_BYTES = 32


def new_secret() -> str:
    """A secret that cannot be guessed, safe in a URL."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def secret_hash(secret: str) -> str:
    """What is stored of a secret. It is 32 random bytes, so one round of SHA-256 is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def user_named(username: str, *, only_active: bool = False) -> User:
    """The account of a name. One query.

    Raises:
        NotFoundError: there is none, or it is disabled and only an active one will do.
    """
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotFoundError(f"There is no account {username[:80]}.", username=username[:150])
    if only_active and not user.is_active:
        raise NotFoundError(f"The account {username[:80]} is disabled.", username=username[:150])
    return user


def superuser_guarded(user: User, standing: Standing) -> User:
    """The account, unless it is a superuser's and the caller is none: whoever manages people cannot become more than they are.

    Raises:
        ForbiddenError: it is.
    """
    if user.is_superuser and not standing.is_superuser:
        raise ForbiddenError("Only a superuser can do this to a superuser's account.")
    return user


def groups_named(names: Sequence[str]) -> list[Group]:
    """The groups of these names. One query.

    Raises:
        InvalidParamsError: one of them does not exist.
    """
    found = list(Group.objects.filter(name__in=names))
    missing = sorted(set(names) - {group.name for group in found})
    if missing:
        raise InvalidParamsError(f"There is no group {', '.join(missing)[:200]}.", field="groups")
    return found
