"""Delivers lifecycle hooks from the outbox: makes deliveries of new events, and keeps a lane for each subscriber.

Nothing waits for it: verbs write their outbox rows and go on, and the exit waits for a bounded time only. What is not delivered then
stays in the database and goes out on the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from sessions_app.errors import HoldfastError
from sessions_app.runtime.alone import HOOKS, Alone
from sessions_app.runtime.hooks.config import HooksConfig
from sessions_app.runtime.hooks.lane import Lane
from sessions_app.runtime.hooks.senders import sender_for
from sessions_app.runtime.readers import Readers
from sessions_app.runtime.writers import Writer
from sessions_app.services.hooks import deliveries_plan
from sessions_app.values import SYSTEM, Call, Command, Trigger

logger = logging.getLogger(__name__)

POLL_SECONDS = 5.0
RETRY_SECONDS = 2.0
GATHER_SECONDS = 0.02  # events that come close together are planned together
BETWEEN_PLANS_SECONDS = 0.005  # the writer serves people first
CLOSE_SECONDS = 2.0
ALONE_SECONDS = 5.0  # how often the right to deliver is looked after
_CALL = Call(SYSTEM, Trigger.SCHEDULE)


class Deliverer:
    """Delivers in this process. All methods but `wake` belong to the event loop.

    Args:
        writer, readers: of this process.
        config: who is told; disabled subscribers are left alone.
    """

    def __init__(self, *, writer: Writer, readers: Readers, config: HooksConfig) -> None:
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._wanted = asyncio.Event()
        types = {name: list(each.events) for name, each in config.enabled.items()}
        self._planning = Command(deliveries_plan, _CALL, {"subscribers": types})
        self._lanes = [
            Lane(name, each, sender_for(each, directory=config.directory), writer=writer, readers=readers)
            for name, each in config.enabled.items()
        ]
        self._services: list[asyncio.Task[None]] = []
        self._alone = Alone(HOOKS) if self._lanes else None

    async def start(self) -> None:
        """Give new subscribers their place at the head, then begin to deliver; a long queue does not delay the start."""
        if not self._lanes:
            return
        with contextlib.suppress(HoldfastError):  # a disk that is full now is tried again in a moment
            await self._writer.send(self._planning)
        self._services = [self._loop.create_task(self._serve_alone())]

    def wake(self) -> None:
        """An event was written, or a delivery shall go again; from any thread."""
        if self._lanes:
            self._loop.call_soon_threadsafe(self._wanted.set)

    async def drain(self, seconds: float) -> None:
        """Deliver what is due for at most so long, then break off; what is left is delivered after the next start."""
        await _stopped(self._services)
        try:
            async with asyncio.timeout(seconds):
                if self._alone is not None and await self._alone.holds():  # else another process delivers them
                    await self._plan()
                    await asyncio.gather(*(lane.drain() for lane in self._lanes))
        except TimeoutError:
            logger.warning("some hooks were not delivered within %g s; they go out on the next start", seconds)
        except HoldfastError as error:
            logger.warning("hooks were not delivered before the stop: %s", error)
        finally:
            closing = asyncio.gather(*(lane.close() for lane in self._lanes), return_exceptions=True)
            await asyncio.wait([closing], timeout=CLOSE_SECONDS)
            if self._alone is not None:
                await self._alone.let_go()

    async def _serve_alone(self) -> None:
        """Deliver while no other process of this database does; two would send everything twice, and out of order."""
        assert self._alone is not None
        running: list[asyncio.Task[None]] = []
        try:
            while True:
                has_right = await self._alone.holds()
                if has_right and not running:
                    services = [self._plan_forever(), *(lane.run() for lane in self._lanes)]
                    running = [self._loop.create_task(service) for service in services]
                    self._wanted.set()
                elif running and not has_right:
                    logger.warning("the right to deliver hooks is lost; another process may have it")
                    await _stopped(running)
                    running = []
                await asyncio.sleep(ALONE_SECONDS)
        finally:
            await _stopped(running)

    async def _plan_forever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._plan()
            except HoldfastError as error:
                logger.warning("deliveries could not be made: %s", error)
                self._loop.call_later(RETRY_SECONDS, self._wanted.set)
            for lane in self._lanes:  # also for what somebody sends again
                lane.wake()
            await asyncio.sleep(GATHER_SECONDS)

    async def _plan(self) -> None:
        """Make the deliveries of everything written so far."""
        if not self._lanes:
            return
        while (await self._writer.send(self._planning))["more"]:
            for lane in self._lanes:
                lane.wake()
            await asyncio.sleep(BETWEEN_PLANS_SECONDS)


async def _stopped(services: list[asyncio.Task[None]]) -> None:
    for service in services:
        service.cancel()
    await asyncio.gather(*services, return_exceptions=True)
