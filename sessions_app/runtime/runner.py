"""Takes queued runs, lets agents answer them, and streams what they say.

One task a run. Deltas go out at once, then about fifteen times a second; the text so far is saved about once a second; the end is one
transaction. A run whose row says it is over is stopped here, never the other way round.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from uuid import UUID

from sessions_app.agents.base import BYTES_PER_TOKEN, Agent, AgentFailure, ContextMessage, Turn
from sessions_app.agents.context_window import fit
from sessions_app.errors import ForbiddenError, HoldfastError, StorageUnavailableError
from sessions_app.logs import error_logged
from sessions_app.runtime.auto_compaction import AutoCompaction
from sessions_app.runtime.compaction import DEFAULT_CONTEXT_TOKENS, Compactor
from sessions_app.runtime.hub import Hub
from sessions_app.runtime.live import LiveAnswer, LiveAnswers
from sessions_app.runtime.readers import Readers
from sessions_app.runtime.streaming import stream
from sessions_app.runtime.writers import Writer
from sessions_app.selectors.context import context_messages
from sessions_app.services.instances import runs_interrupt
from sessions_app.services.runs import partials_save, runs_claim, turn_finish
from sessions_app.values import SYSTEM, Call, Command, Json, Role, RunState, Trigger

logger = logging.getLogger(__name__)

SAVE_SECONDS = 1.0
POLL_SECONDS = 5.0
RETRY_SECONDS = 2.0
CONTINUE_WORDS = "Your answer was cut off. Go on exactly where it ends; do not repeat what is there."
_CALL = Call(SYSTEM, Trigger.SCHEDULE)


class Runner:
    """Executes runs in this process. All methods but `wake` and `stop_runs` belong to the event loop.

    Args:
        writer, readers, hub, live: of this process.
        compactor: knows what answers, by name, and writes the summary when a context grows too long.
        instance_id: owner written into each run.
        max_runs: answers at the same time.
    """

    def __init__(
        self,
        *,
        writer: Writer,
        readers: Readers,
        hub: Hub,
        live: LiveAnswers,
        compactor: Compactor,
        instance_id: UUID,
        max_runs: int,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._hub = hub
        self._live = live
        self._agents = compactor.agents
        self.compactor = compactor
        self._compaction = AutoCompaction(compactor, writer, readers)
        self._instance_id = instance_id
        self._max_runs = max_runs
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._services: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to take runs."""
        self._wanted.set()
        self._services = [self._loop.create_task(self._claim_forever()), self._loop.create_task(self._save_forever())]

    def wake(self) -> None:
        """A run may be queued; from any thread."""
        self._loop.call_soon_threadsafe(self._wanted.set)

    def stop_runs(self, run_ids: Iterable[UUID]) -> None:
        """End the tasks of runs whose rows are final; from any thread."""
        self._loop.call_soon_threadsafe(self._cancel, list(run_ids))

    @property
    def running(self) -> int:
        """How many answers stream now."""
        return len(self._tasks)

    async def drain(self, seconds: float) -> int:
        """Take no more runs, let running ones finish for a while, then interrupt the rest and keep their text.

        Returns:
            How many were interrupted.
        """
        self.compactor.stop()
        for task in self._services[:1]:
            task.cancel()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)
        left = list(self._tasks)
        if left:
            with contextlib.suppress(HoldfastError):  # the next start interrupts what could not be written
                await self._writer.send(Command(runs_interrupt, _CALL, {"run_ids": left}))
            self._cancel(left)
        for task in self._services:
            task.cancel()
        await asyncio.gather(*self._services, *self._tasks.values(), return_exceptions=True)
        await self._agents.aclose()
        return len(left)

    def _cancel(self, run_ids: list[UUID]) -> None:
        for run_id in run_ids:
            self._live.discard(run_id)
            task = self._tasks.get(run_id)
            if task is not None:
                task.cancel()

    async def _claim_forever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):  # wait_for may lose a cancellation that meets the result
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wanted.wait()
            self._wanted.clear()
            free = self._max_runs - len(self._tasks)
            if free <= 0:
                continue  # whoever ends wakes us
            try:
                answer = await self._writer.send(
                    Command(runs_claim, _CALL, {"instance_id": self._instance_id, "limit": free})
                )
            except HoldfastError as error:
                logger.warning("queued runs could not be claimed: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                self._wanted.set()
                continue
            for claim in answer["runs"]:
                run_id = UUID(claim["runId"])
                task = self._loop.create_task(self._run(claim))
                self._tasks[run_id] = task
                task.add_done_callback(lambda _task, run_id=run_id: self._ended(run_id))  # type: ignore[misc]

    def _ended(self, run_id: UUID) -> None:
        self._tasks.pop(run_id, None)
        self._live.discard(run_id)
        self._wanted.set()

    async def _save_forever(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            grown = [answer for answer in self._live if answer.length > answer.saved]
            if not grown:
                continue
            lengths = [(answer, answer.length) for answer in grown]
            partials = {answer.run_id: answer.text for answer in grown}
            with contextlib.suppress(HoldfastError):  # it is tried again in a second
                await self._writer.send(Command(partials_save, _CALL, {"partials": partials}))
                for answer, length in lengths:
                    answer.saved = length

    async def _run(self, claim: Json) -> None:
        answer = LiveAnswer(
            run_id=UUID(claim["runId"]),
            conversation_id=UUID(claim["conversationId"]),
            session_key=claim["sessionKey"],
            session_id=UUID(claim["sessionId"]),
        )
        self._live.add(answer)
        facts: Json = {}
        state, error = RunState.DONE, None
        try:
            agent = self._agents.agent(claim["agent"])
            facts |= {"backend": agent.backend, "model": agent.model}
            turn = await self._turn(agent, answer, claim["inputSeq"], continues=claim["continues"])
            if turn.left_out:
                facts["leftOut"] = turn.left_out
            await stream(agent, turn, answer, self._hub)
        except AgentFailure as failure:
            state, error = RunState.FAILED, {"kind": str(failure.kind), "message": failure.message}
        except ForbiddenError as refused:  # the session turned out to be damaged
            state, error = RunState.FAILED, {"kind": "session_damaged", "message": refused.message}
        except Exception as mistake:  # noqa: BLE001 - it is logged, and the person is told its id
            error_id = error_logged(logger, f"run {answer.run_id}", mistake)
            words = f"Something went wrong on our side. Your message is stored; use Retry. Error id {error_id}."
            state, error = RunState.FAILED, {"kind": "internal", "message": words}
        await self._finish(answer, state, error, facts)

    async def _turn(self, agent: Agent, answer: LiveAnswer, input_seq: int, *, continues: bool) -> Turn:
        """The agent's view of the session."""
        messages, unread = await self._messages(agent, answer, input_seq, continues=continues)
        limit = self._agents.compact_at(agent.name)
        if limit is not None and not continues and await self._compaction.made(agent, answer, messages, limit):
            messages, unread = await self._messages(agent, answer, input_seq, continues=False)
        if continues:
            messages.append(ContextMessage(Role.USER, CONTINUE_WORDS))
        kept, left_out = fit(messages, context_tokens=agent.context_tokens, system_prompt=agent.system_prompt)
        return Turn(answer.session_key, answer.session_id, answer.run_id, kept, left_out + unread)

    async def _messages(
        self, agent: Agent, answer: LiveAnswer, input_seq: int, *, continues: bool
    ) -> tuple[list[ContextMessage], int]:
        """What is stored for this turn, and how many older messages were too many to be read."""
        size = (agent.context_tokens or DEFAULT_CONTEXT_TOKENS) * BYTES_PER_TOKEN
        found, unread = await self._readers.read(
            context_messages, answer.session_id, input_seq, max_bytes=size, continues=continues
        )
        return [ContextMessage(message.role, message.text) for message in found], unread

    async def _finish(self, answer: LiveAnswer, state: RunState, error: Json | None, facts: Json) -> None:
        """Store the end of a run; when the disk does not take it, try until it does. The text is kept meanwhile.

        An end that can never be stored leaves no run behind that runs for ever: it is interrupted with what there is of it.
        """
        params = {"run_id": answer.run_id, "state": state, "text": answer.text, "error": error, "facts": facts}
        while True:
            try:
                await self._writer.send(Command(turn_finish, _CALL, params))
                return
            except StorageUnavailableError:
                await asyncio.sleep(RETRY_SECONDS)
            except HoldfastError as refused:
                logger.error("the end of run %s was refused, so it is interrupted: %s", answer.run_id, refused)
                with contextlib.suppress(HoldfastError):  # then the next start interrupts it
                    await self._writer.send(Command(partials_save, _CALL, {"partials": {answer.run_id: answer.text}}))
                    await self._writer.send(Command(runs_interrupt, _CALL, {"run_ids": [answer.run_id]}))
                return
