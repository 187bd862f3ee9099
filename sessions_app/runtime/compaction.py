"""Compaction from its request to its row: look what there is, let the agent write the summary outside any transaction, store it.

Sockets and the runner await `compact` in the event loop; pages, `/rpc` and commands wait in their own thread (`compacted.py`).
A summary that is being written when the server drains is given up: nothing was written, and whoever waits is told so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sessions_app.agents.base import BYTES_PER_TOKEN, AgentFailure, ContextMessage, estimate_tokens
from sessions_app.agents.config import AgentSet
from sessions_app.agents.summarising import failure_words, summary_of, tokens_of
from sessions_app.errors import AgentFailedError, DrainingError, RateLimitedError
from sessions_app.selectors.compaction import CompactionPlan, compaction_plan, receipt_kept
from sessions_app.services.compaction import session_compact
from sessions_app.values import Call, Command, Json

if TYPE_CHECKING:
    from sessions_app.runtime.readers import Readers
    from sessions_app.runtime.writers import Writer

DEFAULT_CONTEXT_TOKENS = 200_000
SUMMARY_MAX_SECONDS = 300.0
SUMMARIES_AT_ONCE = 4
AGAIN_MS = 5000
Written = tuple[str, int]  # the summary, and how many messages it leaves out


@dataclass(frozen=True, slots=True)
class Wanted:
    """A compaction somebody asked for; `session_id` is the session they believe in, None for whichever is current."""

    call: Call
    session_key: str
    session_id: UUID | None = None


class Compactor:
    """Lets agents write summaries: a few at once, one for each session, each for a bounded time. Belongs to the event loop.

    Args:
        agents: who answers, and writes, by name.
    """

    def __init__(self, agents: AgentSet) -> None:
        self.agents = agents
        self._free = asyncio.Semaphore(SUMMARIES_AT_ONCE)
        self._tasks: dict[UUID, asyncio.Task[Written]] = {}
        self._is_stopped = False
        self._loop = asyncio.get_running_loop()

    async def command(self, wanted: Wanted, plan: CompactionPlan) -> Command:
        """Let the agent write the summary that was planned.

        Returns:
            The write that stores it.

        Raises:
            AgentFailedError: no summary came; nothing was changed, and the words say what to do.
            RateLimitedError: another summary of this session is being written.
            DrainingError: the server is stopping.
        """
        agent = self.agents.agent(plan.agent)
        messages = [ContextMessage(message.role, message.text) for message in plan.messages]
        started = time.monotonic()
        summary = summary_of(agent, plan.session_key, plan.session_id, messages)
        text, left_out = await self._written(plan.session_id, summary)
        facts = {
            "tokensBefore": tokens_of(messages),
            "tokensAfter": estimate_tokens(text),
            "durationMs": round((time.monotonic() - started) * 1000),
            "model": agent.model,
            "leftOut": left_out + plan.unread,
        }
        return _storing(wanted, plan.session_id, plan.covers_seq, text, facts)

    def command_waiting(self, wanted: Wanted, plan: CompactionPlan) -> Command:
        """As `command`, from another thread, which waits for it."""
        return asyncio.run_coroutine_threadsafe(self.command(wanted, plan), self._loop).result()

    def stop(self) -> None:
        """Give up what is being written, and begin nothing more."""
        self._is_stopped = True
        for task in self._tasks.values():
            task.cancel()

    async def _written(self, session_id: UUID, summary: Coroutine[Any, Any, Written]) -> Written:
        """The text, in time; the task is known, so that `stop` can end it."""
        if self._is_stopped or session_id in self._tasks:
            summary.close()
            if self._is_stopped:
                raise DrainingError
            words = "A summary of this session is being written already. It appears in the transcript when it is done."
            raise RateLimitedError(words, retryAfterMs=AGAIN_MS)
        task = self._tasks[session_id] = asyncio.ensure_future(self._in_time(summary))
        try:
            return await task
        except asyncio.CancelledError:
            if not self._is_stopped:
                task.cancel()
                raise
            raise DrainingError from None
        except AgentFailure as failure:
            words = f"No summary was written, and nothing was changed. {failure_words(failure)}"
            raise AgentFailedError(words, kind=str(failure.kind)) from failure
        finally:
            self._tasks.pop(session_id, None)

    async def _in_time(self, summary: Coroutine[Any, Any, Written]) -> Written:
        try:
            async with asyncio.timeout(SUMMARY_MAX_SECONDS), self._free:
                return await summary
        except TimeoutError as error:
            words = f"No summary was written within {SUMMARY_MAX_SECONDS:.0f} seconds, and nothing was changed."
            raise AgentFailedError(words, kind="timeout") from error
        finally:
            summary.close()


async def compact(compactor: Compactor, writer: Writer, readers: Readers, wanted: Wanted) -> Json:
    """Summarise the current session of a conversation and store the summary; see `session_compact`.

    Raises:
        HoldfastError: as `compaction_plan`, `Compactor.command` and `session_compact`; nothing was changed.
    """
    kept = await readers.read(receipt_kept, wanted.call.actor.ref, wanted.call.request_id)
    if kept is not None:
        return await writer.send(again(wanted, kept))
    plan = await readers.read(compaction_plan, wanted.call.actor, **asked(compactor.agents, wanted))
    return await writer.send(await compactor.command(wanted, plan))


def asked(agents: AgentSet, wanted: Wanted) -> Json:
    """The parameters of `compaction_plan`: how much is read of a session depends on its agent's window."""

    def max_bytes(name: str) -> int:
        tokens = agents[name].context_tokens if name in agents else None
        return (tokens or DEFAULT_CONTEXT_TOKENS) * BYTES_PER_TOKEN

    where: Json = {"session_key": wanted.session_key, "session_id": wanted.session_id}
    return {**where, "max_bytes": max_bytes}


def _storing(wanted: Wanted, session_id: UUID, covers_seq: int, text: str, facts: Json) -> Command:
    where = {"session_key": wanted.session_key, "session_id": session_id}
    return Command(session_compact, wanted.call, {**where, "covers_seq": covers_seq, "summary": text, "facts": facts})


def again(wanted: Wanted, kept: Json) -> Command:
    """The same request once more: its receipt is the answer, and no summary is written for it."""
    return _storing(wanted, wanted.session_id or UUID(kept.get("sessionId", "0" * 32)), 0, "", {})
