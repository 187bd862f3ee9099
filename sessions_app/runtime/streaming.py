"""From an agent's pieces to deltas: the first one at once, then about fifteen a second, whatever the agent's pace."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from sessions_app.agents.base import Agent, Turn
from sessions_app.runtime.hub import Hub
from sessions_app.runtime.live import LiveAnswer
from sessions_app.values import TEXT_MAX_BYTES

logger = logging.getLogger(__name__)

DELTA_SECONDS = 1 / 15
ANSWER_MAX_CHARS = 4 * TEXT_MAX_BYTES


async def stream(agent: Agent, turn: Turn, answer: LiveAnswer, hub: Hub) -> None:
    """Let an agent answer, collect what it says, and hand it to whoever watches.

    Args:
        agent: what answers.
        turn: what it is shown.
        answer: grows with each piece.
        hub: takes the deltas.

    Raises:
        AgentFailure: the agent could not go on; what came before is in `answer`.
    """
    loop = asyncio.get_running_loop()
    next_flush = 0.0
    timer: asyncio.TimerHandle | None = None

    def flush() -> None:
        nonlocal next_flush, timer
        if timer is not None:
            timer.cancel()
            timer = None
        if answer.sent < answer.length:
            next_flush = loop.time() + DELTA_SECONDS
            text = answer.take_unsent()
            hub.delta(answer.conversation_id, answer.delta(text, answer.sent - len(text)))

    try:
        async with contextlib.aclosing(agent.answer(turn)) as pieces:
            async for piece in pieces:
                answer.append(piece)
                if answer.length > ANSWER_MAX_CHARS:
                    logger.warning("the answer of run %s was cut at %d characters", answer.run_id, answer.length)
                    break
                if loop.time() >= next_flush:
                    flush()
                elif timer is None:
                    timer = loop.call_at(next_flush, flush)
    finally:
        flush()
