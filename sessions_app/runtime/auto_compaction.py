"""Compaction by itself: when a context passes the share of the window that agents.toml names, before the turn that met it.

The turn waits for the summary. When none comes, it runs as it would have, with the oldest turns left out, and that session is left alone for a while.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from uuid import UUID

from sessions_app.agents.base import Agent, ContextMessage, estimate_tokens
from sessions_app.agents.summarising import tokens_of
from sessions_app.errors import HoldfastError
from sessions_app.runtime.compaction import Compactor, Wanted, compact
from sessions_app.runtime.live import LiveAnswer
from sessions_app.runtime.readers import Readers
from sessions_app.runtime.writers import Writer
from sessions_app.values import SYSTEM, Call, Role, Trigger

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 600.0
PAUSES_MAX = 1000
NEW_SHARE = 0.25  # of the limit: less than this is not worth a summary, and would ask for one in every turn


class AutoCompaction:
    """Decides whether a turn is summarised first. Belongs to the event loop.

    Args:
        compactor, writer, readers: of this process.
    """

    def __init__(self, compactor: Compactor, writer: Writer, readers: Readers) -> None:
        self._compactor = compactor
        self._writer = writer
        self._readers = readers
        self._paused: dict[UUID, float] = {}

    async def made(self, agent: Agent, answer: LiveAnswer, messages: Sequence[ContextMessage], limit: int) -> bool:
        """Summarise what came before this turn, if its context has grown past the limit.

        Args:
            agent: who answers, and writes the summary.
            answer: of the turn.
            messages: its context, oldest first; the last one is the question.
            limit: tokens.

        Returns:
            Whether there is a new summary, so that the context must be read again.
        """
        said = [message for message in messages[:-1] if message.role is not Role.SYSTEM]
        total = tokens_of(messages) + estimate_tokens(agent.system_prompt)
        if total <= limit or tokens_of(said) < limit * NEW_SHARE or self._is_paused(answer.session_id):
            return False
        wanted = Wanted(Call(SYSTEM, Trigger.SCHEDULE), answer.session_key, answer.session_id)
        try:
            await compact(self._compactor, self._writer, self._readers, wanted)
        except HoldfastError as error:
            self._pause(answer.session_id)
            logger.warning("session %s was not summarised: %s", answer.session_id, error.message)
            return False
        return True

    def _is_paused(self, session_id: UUID) -> bool:
        return self._paused.get(session_id, 0.0) > time.monotonic()

    def _pause(self, session_id: UUID) -> None:
        now = time.monotonic()
        self._paused = {pk: until for pk, until in self._paused.items() if until > now}
        if len(self._paused) >= PAUSES_MAX:
            self._paused.pop(next(iter(self._paused)))
        self._paused[session_id] = now + PAUSE_SECONDS
