"""An agent that says exactly what a test tells it to, when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from sessions_app.agents.base import Agent, Turn
from sessions_app.agents.config import AgentSet
from sessions_app.agents.settings import AgentSettings


class ScriptedAgent:
    """Answers turn after turn from one script, which a test writes while it is performed.

    Attributes:
        turns: what it was asked, oldest first.
        summary: what it writes when a summary is wanted, at once; an error fails it.
        closed: how many answers were left before their end.
    """

    name = "main"
    backend = "scripted"
    model = "script-1"
    context_tokens: int | None = None
    system_prompt = ""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self.turns: list[Turn] = []
        self.summary: str | Exception = "What was said so far."
        self.closed = 0

    def say(self, *pieces: str) -> None:
        """The next pieces of the answer that is given now, or next."""
        for piece in pieces:
            self._lines.put_nowait(piece)

    def end(self) -> None:
        """Then the answer is whole."""
        self._lines.put_nowait(None)

    def fail(self, error: Exception) -> None:
        """Then the answer fails."""
        self._lines.put_nowait(error)

    def answers(self, *texts: str) -> None:
        """Whole answers of one piece each."""
        for text in texts:
            self.say(text)
            self.end()

    async def answer(self, turn: Turn) -> AsyncGenerator[str, None]:
        self.turns.append(turn)
        if turn.wants_summary:
            if isinstance(self.summary, Exception):
                raise self.summary
            yield self.summary
            return
        try:
            while (line := await self._lines.get()) is not None:
                if isinstance(line, Exception):
                    raise line
                yield line
        except (asyncio.CancelledError, GeneratorExit):
            self.closed += 1
            raise

    async def aclose(self) -> None:
        """Nothing to give back."""

    def as_set(self) -> AgentSet:
        """A configuration that holds this agent as `main`."""
        return AgentSet({"main": _Section(backend="scripted").playing(self)}, path=Path("agents.toml"))


class _Section(AgentSettings):
    _agent: ScriptedAgent | None = None

    def playing(self, agent: ScriptedAgent) -> _Section:
        object.__setattr__(self, "_agent", agent)
        return self

    def build(self, name: str) -> Agent:
        assert self._agent is not None
        return self._agent
