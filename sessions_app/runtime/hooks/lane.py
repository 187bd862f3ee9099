"""The way to one subscriber: in order within a session, a few sessions at once, again after a pause when it failed.

A lane knows nothing of other lanes: a subscriber that is slow, frozen or gone delays itself only.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import random
from collections import deque
from uuid import UUID

from django.utils import timezone

from sessions_app.errors import DrainingError, HoldfastError
from sessions_app.logs import error_logged
from sessions_app.runtime.hooks.config import Subscriber
from sessions_app.runtime.hooks.letters import DeliveryFailedError, Letter, Sender
from sessions_app.runtime.metrics import HOOK_ATTEMPTS
from sessions_app.runtime.readers import Readers
from sessions_app.runtime.writers import Writer
from sessions_app.selectors.hooks import Due, deliveries_due, delivery_next
from sessions_app.services.hooks import delivery_settle
from sessions_app.values import SYSTEM, Call, Command, DeliveryState, Trigger

logger = logging.getLogger(__name__)

SESSIONS_AT_ONCE = 4
IN_A_ROW = 50  # of one session, then another has its turn
POLL_SECONDS = 5.0
RETRY_SECONDS = 2.0
BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_FACTOR = 4.0
BACKOFF_MAX_SECONDS = 300.0
_LOOK_AHEAD = 64
_CALL = Call(SYSTEM, Trigger.SCHEDULE)


def backoff_seconds(attempt: int) -> float:
    """Pause after a failed attempt (from 1): 1 s, 4 s, 16 s … 5 min, up to a fifth longer, so that sessions do not march in step."""
    pause: float = min(BACKOFF_FIRST_SECONDS * BACKOFF_FACTOR ** min(attempt - 1, 10), BACKOFF_MAX_SECONDS)
    return min(pause * random.uniform(1.0, 1.2), BACKOFF_MAX_SECONDS)  # noqa: S311 - no secret


class Lane:
    """Delivers to one subscriber. Everything here belongs to the event loop.

    Args:
        name, settings: its section of hooks.toml.
        sender: how it is told.
        writer, readers: of this process.
    """

    def __init__(self, name: str, settings: Subscriber, sender: Sender, *, writer: Writer, readers: Readers) -> None:
        self._name = name
        self._settings = settings
        self._sender = sender
        self._writer = writer
        self._readers = readers
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        self._ready: deque[Due] = deque()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Something may be due."""
        self._wanted.set()

    async def run(self) -> None:
        """Deliver what is due; for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._fill()
            except HoldfastError as error:
                logger.warning("deliveries to %s could not be read: %s", self._name, error)
                self._loop.call_later(RETRY_SECONDS, self.wake)

    async def drain(self) -> None:
        """Deliver what is due now; what failed and waits for its time is left. `run` must have been cancelled."""
        while True:
            was_idle = not self._tasks
            await self._fill()
            if not self._tasks and was_idle:
                return
            if not self._tasks:
                continue  # what had ended while we read may have more
            await asyncio.wait(list(self._tasks.values()), return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Break off what is under way; it stays pending."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._sender.aclose()

    async def _fill(self) -> None:
        """Give every free place a session."""
        if not self._ready and len(self._tasks) < SESSIONS_AT_ONCE:
            busy = set(self._tasks)  # what ends while we read would be read as if it still waited
            due = await self._readers.read(deliveries_due, self._name, limit=_LOOK_AHEAD)
            self._ready.extend(each for each in due if each.session_id not in busy)
        while self._ready and len(self._tasks) < SESSIONS_AT_ONCE:
            due_first = self._ready.popleft()
            task = self._loop.create_task(self._session(due_first))
            self._tasks[due_first.session_id] = task
            task.add_done_callback(lambda _task, session_id=due_first.session_id: self._ended(session_id))  # type: ignore[misc]

    def _ended(self, session_id: UUID) -> None:
        self._tasks.pop(session_id, None)
        self.wake()

    async def _session(self, first: Due) -> None:
        """Deliver to one session in order, until nothing is due, one fails, or it is another's turn."""
        due: Due | None = first
        for _ in range(IN_A_ROW):
            if due is None or not await self._deliver(due):
                return
            try:
                due = await self._readers.read(delivery_next, self._name, due.session_id)
            except HoldfastError:
                return  # the poll finds the rest

    async def _deliver(self, due: Due) -> bool:
        """One attempt, recorded; whether the next of this session may go."""
        try:
            await self._sender.send(Letter(str(due.event_id), due.type, due.payload))
        except DeliveryFailedError as error:
            return await self._failed(due, str(error))
        except Exception as error:  # noqa: BLE001 - it is logged, and the list of deliveries shows its id
            error_id = error_logged(logger, f"hook {due.event_id} to {self._name}", error)
            return await self._failed(due, f"a mistake of ours, error id {error_id}")
        await self._settle(due, DeliveryState.DELIVERED)
        return True

    async def _failed(self, due: Due, words: str) -> bool:
        attempt = due.attempts + 1
        if attempt >= self._settings.max_attempts:
            logger.warning("hook %s to %s is given up after %d attempts: %s", due.event_id, self._name, attempt, words)
            await self._settle(due, DeliveryState.DEAD, words)
            return True
        pause = backoff_seconds(attempt)
        await self._settle(due, DeliveryState.PENDING, words, timezone.now() + datetime.timedelta(seconds=pause))
        self._loop.call_later(pause, self.wake)
        return False

    async def _settle(
        self, due: Due, state: DeliveryState, error: str = "", next_at: datetime.datetime | None = None
    ) -> None:
        """Record the end of an attempt; when the disk does not take it, try until it does, so that nothing is sent over and over."""
        params = {"delivery_id": due.delivery_id, "attempt": due.attempts + 1, "state": state}
        command = Command(delivery_settle, _CALL, {**params, "error": error, "next_at": next_at})
        while True:
            try:
                await self._writer.send(command)
            except DrainingError:
                return  # the next start sends it again: at least once
            except HoldfastError as problem:
                logger.warning("a delivery to %s could not be recorded: %s", self._name, problem)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                HOOK_ATTEMPTS.labels(self._name, "failed" if state is DeliveryState.PENDING else str(state)).inc()
                return
