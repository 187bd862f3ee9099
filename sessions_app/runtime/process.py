"""The parts of a serving process, put together once and found by whoever needs them."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection
from django.utils import timezone

from sessions_app.agents.config import AgentSet
from sessions_app.errors import DrainingError
from sessions_app.runtime import writers
from sessions_app.runtime.compaction import Compactor
from sessions_app.runtime.doctor.background import thorough_check
from sessions_app.runtime.hooks.config import HOOKS_TOML, HooksConfig, hooks_load
from sessions_app.runtime.hooks.deliverer import Deliverer
from sessions_app.runtime.hooks.idle import close_idle_spans
from sessions_app.runtime.hub import Hub
from sessions_app.runtime.lane_writer import LaneWriter
from sessions_app.runtime.live import LiveAnswers
from sessions_app.runtime.quarantine import quarantine_forever
from sessions_app.runtime.readers import Readers
from sessions_app.runtime.rescue_jobs.supervisor import Supervisor
from sessions_app.runtime.runner import Runner
from sessions_app.runtime.search_indexer import index_forever
from sessions_app.runtime.thread_writer import ThreadWriter
from sessions_app.runtime.watch import watch_other_processes
from sessions_app.services.instances import (
    RECOVERY_BATCH_RUNS,
    instance_beat,
    instance_start,
    instance_stop,
    runs_interrupt,
    runs_left_running,
    spans_recover,
)
from sessions_app.services.turn_control import turns_resume
from sessions_app.values import SYSTEM, Call, Command, Effects, EndReason, Trigger

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
HEARTBEAT_LOST_SECONDS = 20.0
_CALL = Call(SYSTEM, Trigger.RECOVERY)


@dataclass(slots=True)
class Process:
    """One life of one serving process. Made inside its event loop by `process_started`."""

    instance_id: UUID
    writer: ThreadWriter | LaneWriter
    readers: Readers
    hub: Hub
    live: LiveAnswers
    runner: Runner
    deliverer: Deliverer
    restart_wanted: asyncio.Event
    rescue: Supervisor = field(default_factory=Supervisor)
    looker: Readers = field(default_factory=lambda: Readers(1))  # data_version counts per connection
    is_draining: bool = False
    in_flight: int = 0
    started_at: datetime.datetime = field(default_factory=timezone.now)
    beat_failed: bool = False  # the last sign of life could not be stored
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def refuse_when_draining(self) -> None:
        """Raise DrainingError once this process is stopping."""
        if self.is_draining:
            raise DrainingError


_current: Process | None = None


def current() -> Process:
    """The process this code serves in.

    Raises:
        RuntimeError: nobody started one; `manage.py serve` does.
    """
    if _current is None:
        raise RuntimeError("Holdfast's parts are not running here. Start it with `manage.py serve`.")
    return _current


def current_if_any() -> Process | None:
    """The process this code serves in; None where nobody serves, and while it starts."""
    return _current


@contextlib.contextmanager
def installed(process: Process) -> Iterator[Process]:
    """Make a process, and its writer, the current ones for a while."""
    global _current  # noqa: PLW0603 - one process per process
    before, _current = _current, process
    with writers.installed(process.writer):
        try:
            yield process
        finally:
            _current = before


@dataclass(slots=True)
class _Publisher:
    """Tells the parts what a batch of writes means for them; called from the writing thread."""

    hub: Hub
    restart_wanted: asyncio.Event
    runner: Runner | None = None
    deliverer: Deliverer | None = None
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def __call__(self, effects: Effects) -> None:
        if effects.restart:
            self.loop.call_soon_threadsafe(self.restart_wanted.set)
        if self.runner is not None:
            if effects.stop_runs:
                self.runner.stop_runs(effects.stop_runs)  # before the poke: no delta follows the event of its run's end
            if effects.wake_runner:
                self.runner.wake()
        if effects.pokes:
            self.hub.poke(effects.pokes)
        if effects.wake_hooks and self.deliverer is not None:
            self.deliverer.wake()


async def process_started(agents: AgentSet, hooks: HooksConfig | None = None) -> Process:
    """Start writer, readers, hub and runner; tidy up after instances that are gone; begin to take runs and to deliver hooks.

    Args:
        agents: what answers.
        hooks: who is told of starts and ends; None for what hooks.toml of the data directory says.

    Raises:
        HooksConfigError: hooks.toml has a mistake.
        StorageUnavailableError: the database does not take writes.
    """
    if hooks is None:
        hooks = await asyncio.to_thread(hooks_load, settings.DATA_DIR / HOOKS_TOML)
    live = LiveAnswers()
    readers = Readers(settings.READER_THREADS)
    hub = Hub(readers)
    publisher = _Publisher(hub, asyncio.Event())
    writer = _writer(publisher, live)
    deliverer = publisher.deliverer = Deliverer(writer=writer, readers=readers, config=hooks)
    writer.start()
    instance_id = uuid4()
    await writer.send(
        Command(instance_start, _CALL, {"instance_id": instance_id, "host": socket.gethostname(), "pid": os.getpid()})
    )
    await _recover(writer, readers, instance_id, [name for name in agents if agents.resume(name) == "auto"])
    runner = Runner(
        writer=writer,
        readers=readers,
        hub=hub,
        live=live,
        compactor=Compactor(agents),
        instance_id=instance_id,
        max_runs=settings.RUNNER_MAX_RUNS,
    )
    process = Process(instance_id, writer, readers, hub, live, runner, deliverer, publisher.restart_wanted)
    await deliverer.start()  # before the first turn: a subscriber that is new begins here
    if settings.RUNNER_ENABLED:
        publisher.runner = runner
        runner.start()
    process.rescue.start()
    process.tasks = [
        asyncio.create_task(watch_other_processes(process.looker, hub, runner)),
        asyncio.create_task(quarantine_forever(writer)),
        asyncio.create_task(index_forever(writer, process.looker)),
        asyncio.create_task(close_idle_spans(writer, instance_id, hooks.idle_seconds)),
        asyncio.create_task(_beat_forever(process)),
        asyncio.create_task(_tick_forever(hub)),
    ]
    return process


async def process_stopped(process: Process, *, reason: EndReason, drain_seconds: float) -> None:
    """Let running answers finish or keep their text, close what is open, tell of it for a bounded time, end the threads."""
    process.is_draining = True
    process.writer.drain()
    ends = (process.rescue.stop, thorough_check.stop)
    jobs_stopped = asyncio.gather(*(asyncio.to_thread(end) for end in ends))  # beside: the runner must take no more
    interrupted = await process.runner.drain(drain_seconds)
    if interrupted:
        logger.warning("%d answers were interrupted; their text is kept", interrupted)
    await jobs_stopped
    for task in process.tasks:
        task.cancel()
    await asyncio.gather(*process.tasks, return_exceptions=True)
    with contextlib.suppress(Exception):  # the next start closes what could not be written
        await process.writer.send(Command(instance_stop, _CALL, {"instance_id": process.instance_id, "reason": reason}))
    await process.deliverer.drain(settings.HOOK_DRAIN_SECONDS)
    for end in (process.writer.stop, process.readers.close, process.looker.close):
        await asyncio.to_thread(end)


def _writer(publish: writers.Publish, live: LiveAnswers) -> ThreadWriter | LaneWriter:
    if connection.vendor == "sqlite":
        return ThreadWriter(publish, partials=live.partials)
    return LaneWriter(publish, partials=live.partials, lanes=settings.POSTGRES_WRITER_THREADS)


async def _recover(
    writer: ThreadWriter | LaneWriter, readers: Readers, instance_id: UUID, resumed_agents: list[str]
) -> None:
    """End what instances that are gone left open; try again what agents.toml wants tried again.

    On SQLite the data directory's lock says that all others are gone, whatever the clock says of their hearts: it may have been
    set back since they beat.
    """
    alive_since = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    if connection.vendor != "sqlite":
        alive_since = timezone.now() - datetime.timedelta(seconds=HEARTBEAT_LOST_SECONDS)
    left = await readers.read(runs_left_running, instance_id, alive_since)
    for start in range(0, len(left), RECOVERY_BATCH_RUNS):
        batch = left[start : start + RECOVERY_BATCH_RUNS]
        await writer.send(Command(runs_interrupt, _CALL, {"run_ids": batch}))
        if resumed_agents:
            await writer.send(Command(turns_resume, _CALL, {"run_ids": batch, "agents": resumed_agents}))
    await writer.send(Command(spans_recover, _CALL, {"instance_id": instance_id, "alive_since": alive_since}))
    if left:
        logger.warning("%d answers were cut off by the last stop; what they had is kept", len(left))


async def _beat_forever(process: Process) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        try:
            await process.writer.send(Command(instance_beat, _CALL, {"instance_id": process.instance_id}))
            process.beat_failed = False
        except Exception as error:  # noqa: BLE001 - a missed beat is made up by the next; /readyz tells meanwhile
            process.beat_failed = True
            logger.warning("the sign of life of this server was not stored: %s", error)


async def _tick_forever(hub: Hub) -> None:
    while True:
        await asyncio.sleep(settings.TICK_MS / 1000)
        hub.broadcast("tick", {"at": timezone.now().isoformat().replace("+00:00", "Z")})
