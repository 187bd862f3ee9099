"""Stateless, signed confirmation of a reset: bound to actor, session id and last seq, good for two minutes.

The binding to the last seq makes a used token stale by itself, because the reset it confirmed moved the conversation.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from uuid import UUID

from django.core import signing

from sessions_app.errors import ConfirmationStaleError
from sessions_app.values import CONFIRMATION_MAX_AGE_SECONDS, Actor

_SALT = "holdfast.reset.confirmation"


def confirmation_issue(
    actor: Actor, session_id: UUID, last_seq: int, now: datetime.datetime
) -> tuple[str, datetime.datetime]:
    """A token for what the actor sees now, and when it stops being good."""
    expires_at = now + datetime.timedelta(seconds=CONFIRMATION_MAX_AGE_SECONDS)
    return token_issue([actor.ref, session_id.hex, last_seq]), expires_at


def confirmation_check(token: str, actor: Actor, session_id: UUID, last_seq: int) -> None:
    """Refuse a token that does not confirm exactly this.

    Raises:
        ConfirmationStaleError: forged, expired, of another person or session, or entries were added since.
    """
    token_check(token, [actor.ref, session_id.hex, last_seq])


def token_issue(bound: Sequence[str | int]) -> str:
    """A signed token that confirms what it is bound to."""
    return signing.dumps(list(bound), salt=_SALT)


def token_check(token: str, bound: Sequence[str | int]) -> None:
    """Refuse a token that is not bound to exactly this.

    Raises:
        ConfirmationStaleError: forged, expired, or bound to something else.
    """
    try:
        said = signing.loads(token, salt=_SALT, max_age=CONFIRMATION_MAX_AGE_SECONDS)
    except signing.SignatureExpired as error:
        raise ConfirmationStaleError(
            "This confirmation is older than two minutes. Look again and confirm again."
        ) from error
    except signing.BadSignature as error:
        raise ConfirmationStaleError("This confirmation was not made by this server. Ask for a new preview.") from error
    if said != list(bound):
        raise ConfirmationStaleError
