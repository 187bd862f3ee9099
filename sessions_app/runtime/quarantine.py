"""What readers noticed is written down here: sessions with unreadable entries are set aside, the rest goes on."""

from __future__ import annotations

import asyncio
import logging

from sessions_app.errors import HoldfastError
from sessions_app.runtime import writers
from sessions_app.selectors.damage import noticed_taken
from sessions_app.services.quarantine import session_quarantine
from sessions_app.values import SYSTEM, Call, Command, Trigger

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_CALL = Call(SYSTEM, Trigger.RECOVERY)


async def quarantine_forever(writer: writers.Writer) -> None:
    """Look every second whether a reader met damage, and set its session aside. What cannot be written is met again."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for session_id, damage in noticed_taken():
            params = {"session_id": session_id, "from_seq": damage.from_seq, "words": damage.words}
            logger.error("session %s is damaged and set aside: %s", session_id, damage.words)
            try:
                await writer.send(Command(session_quarantine, _CALL, params))
            except HoldfastError as error:
                logger.warning("session %s could not be set aside: %s", session_id, error)


def quarantine_noticed() -> int:
    """Set aside what was noticed so far; for commands.

    Returns:
        How many sessions were noticed.

    Raises:
        HoldfastError: the database does not take it.
    """
    found = noticed_taken()
    for session_id, damage in found:
        params = {"session_id": session_id, "from_seq": damage.from_seq, "words": damage.words}
        writers.current().call(Command(session_quarantine, _CALL, params))
    return len(found)
