"""When a token was last used: noted as it is shown, at most once a minute by each process."""

from __future__ import annotations

import time

from sessions_app.services.tokens import token_seen
from sessions_app.values import SYSTEM, Actor, Call, Command, Trigger

NOTED_EVERY_SECONDS = 60.0
_noted: dict[int, float] = {}


def seen_command(actor: Actor) -> Command | None:
    """The write that notes the use of a token; None for people, and when it was noted a moment ago."""
    if (
        actor.token_id is None
        or time.monotonic() - _noted.get(actor.token_id, -NOTED_EVERY_SECONDS) < NOTED_EVERY_SECONDS
    ):
        return None
    _noted[actor.token_id] = time.monotonic()
    return Command(token_seen, Call(SYSTEM, Trigger.SCHEDULE), {"token_id": actor.token_id})
