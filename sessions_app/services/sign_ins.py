"""Recording sign-ins by password, and lockouts. Sign-ins by link record themselves (`people.sign_in_link_use`)."""

from __future__ import annotations

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ForbiddenError
from sessions_app.models import User
from sessions_app.services.audit import audit_record
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Actor, ActorKind, Answer, AuditType, Call, Outcome

# Who failed to sign in is nobody: the name they claimed proves nothing.
UNKNOWN = Actor(kind=ActorKind.SYSTEM, id="signin", label="someone at the sign-in page", scopes=frozenset())


@verb(audit=AuditType.SIGNED_IN, keeps_receipt=False)
def password_sign_in_record(call: Call) -> Answer:
    """Record that a person signed in by password; the page checked it.

    Returns:
        {username}.

    Raises:
        ForbiddenError: the caller is no person.
        UnauthenticatedError: the account is disabled.

    Writes: AuditEvent +1.
    """
    if call.actor.kind is not ActorKind.USER:
        raise ForbiddenError("Only a person signs in by password.")
    access.require(call.actor, Action.LIST)
    audit_record(call, AuditType.SIGNED_IN, data={"by": "password"})
    return {"username": call.actor.label}, NO_EFFECTS


@verb(audit=AuditType.LOCKED_OUT)
def lockout_record(call: Call, *, username: str, address: str, failures: int) -> Answer:
    """Record that a name was locked out for an address after too many wrong passwords.

    A name that no account has is not kept: it may be a password typed into the wrong field.

    Args:
        call: UNKNOWN; its `request_id` is one for each lockout, so that who tries on is not recorded again.
        username: the name that was claimed.
        address: where the attempts came from.
        failures: how many there were.

    Returns:
        {isKnown}.

    Raises:
        ForbiddenError: called by anybody who is signed in; only the sign-in page says this.

    Writes: AuditEvent +1, refused.
    """
    if call.actor != UNKNOWN:
        raise ForbiddenError("Only the sign-in page records lockouts.")
    is_known = User.objects.filter(username=username).exists()
    data = {"username": username if is_known else None, "address": address, "failures": failures}
    audit_record(call, AuditType.LOCKED_OUT, outcome=Outcome.REFUSED, data=data)
    return {"isKnown": is_known}, NO_EFFECTS
