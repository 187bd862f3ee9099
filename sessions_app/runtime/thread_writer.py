"""The writer of a serving process: a thread that owns its connection, and a queue.

One thread takes whatever is queued, up to a batch, and commits it once: the disk's flush is shared by all who wait. This is SQLite's
writer; on PostgreSQL several of them work side by side (`lane_writer`).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import operator
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from sessions_app.errors import DrainingError
from sessions_app.runtime.metrics import batch_counted
from sessions_app.runtime.settle import settle_batch
from sessions_app.runtime.writers import Publish
from sessions_app.services.perform import Settled, facts
from sessions_app.services.runs import partials_save
from sessions_app.values import NO_EFFECTS, SYSTEM, ActorKind, Call, Command, Json, Trigger

logger = logging.getLogger(__name__)

MAX_BATCH = 256
Partials = Callable[[], Mapping[UUID, str]]


@dataclass(slots=True)
class WriterStats:
    """What a writer has done since it started; `committed_at` is when it last stored something, by the monotonic clock."""

    batches: int = 0
    commands: int = 0
    largest_batch: int = 0
    committed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Ticket:
    """A command in the queue since when, and who waits for it: a thread (no loop) or a coroutine."""

    command: Command
    future: Future[Json] | asyncio.Future[Json]
    loop: asyncio.AbstractEventLoop | None
    queued_at: float = field(default_factory=time.monotonic)


def no_partials() -> Mapping[UUID, str]:
    """For writers without running answers."""
    return {}


class ThreadWriter:
    """One writing thread. Futures resolve after COMMIT only, effects are published after it.

    Args:
        publish: told the effects of a batch, from the writing thread; must not block.
        partials: what running answers have so far; stored before a verb that stops runs, so that it keeps what was seen.
        max_batch: commands in one transaction.
    """

    def __init__(self, publish: Publish, *, partials: Partials = no_partials, max_batch: int = MAX_BATCH) -> None:
        self._publish = publish
        self._partials = partials
        self._max_batch = max_batch
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._is_draining = False
        self._thread = threading.Thread(target=self._work, name="holdfast-writer", daemon=True)
        self.stats = WriterStats()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def drain(self) -> None:
        """Refuse what people want from now on; what the system does to come to an end is still carried out."""
        with self._gate:
            self._is_draining = True

    def stop(self) -> None:
        """Carry out what is queued, then end the thread and its connection. Later commands are refused as draining."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    @property
    def queue_length(self) -> int:
        """How many commands wait for the thread."""
        return self._queue.qsize()

    def call(self, command: Command) -> Json:
        """Carry out a command and wait for it; see `writers.Writer`."""
        future: Future[Json] = Future()
        self._put(_Ticket(command, future, None))
        return future.result()

    def send(self, command: Command) -> asyncio.Future[Json]:
        """Carry out a command; see `writers.Writer`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Json] = loop.create_future()
        self._put(_Ticket(command, future, loop))
        return future

    def _put(self, ticket: _Ticket) -> None:
        with self._gate:
            if self._closed or (self._is_draining and ticket.command.call.actor.kind is not ActorKind.SYSTEM):
                raise DrainingError
            self._queue.put(ticket)

    def _work(self) -> None:
        try:
            while batch := self._next_batch():
                settled = self._settle([ticket.command for ticket in batch])
                lag_seconds = self._count(batch, settled)
                batch_counted([ticket.command for ticket in batch], settled, lag_seconds)
                self._tell(batch, settled)
        finally:
            connection.close()

    def _count(self, batch: Sequence[_Ticket], settled: Sequence[Settled]) -> float:
        """Remember what was done; how many seconds the first of the batch has waited for it."""
        now = time.monotonic()
        self.stats.batches += 1
        self.stats.commands += len(batch)
        self.stats.largest_batch = max(self.stats.largest_batch, len(batch))
        if any(end.error is None for end in settled):
            self.stats.committed_at = now
        return now - batch[0].queued_at

    def _next_batch(self) -> list[_Ticket]:
        """Whatever is queued, at least one; empty when the writer was stopped and all is done."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        while len(batch) < self._max_batch:
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                break
            if ticket is None:
                self._queue.put(None)  # the end is met again when this batch is done; nothing is queued behind it
                break
            batch.append(ticket)
        return batch

    def _settle(self, commands: Sequence[Command]) -> list[Settled]:
        if any(facts(command.verb).stops_runs for command in commands) and (partials := self._partials()):
            seen = Command(partials_save, Call(SYSTEM, Trigger.RECOVERY), {"partials": partials})
            return settle_batch([seen, *commands])[1:]
        return settle_batch(commands)

    def _tell(self, batch: Sequence[_Ticket], settled: Sequence[Settled]) -> None:
        """Resolve the futures, then publish. A listener that fails cannot take an ack back."""
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Json], Settled]]] = {}
        for ticket, end in zip(batch, settled, strict=True):
            if isinstance(ticket.future, Future):
                _resolve(ticket.future, end)
            else:
                assert ticket.loop is not None
                by_loop.setdefault(ticket.loop, []).append((ticket.future, end))
        for loop, ends in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve_all, ends)
            except RuntimeError:
                logger.info("a loop ended before its answers; receipts answer the retries")
        effects = functools.reduce(operator.or_, (end.effects for end in settled if end.error is None), NO_EFFECTS)
        if effects != NO_EFFECTS:
            try:
                self._publish(effects)
            except Exception:
                logger.exception("effects were not published; cursors catch up")


def _resolve(future: Future[Json] | asyncio.Future[Json], end: Settled) -> None:
    if future.done():
        return
    if end.error is not None:
        future.set_exception(end.error)
    else:
        assert end.answer is not None
        future.set_result(end.answer)


def _resolve_all(ends: Sequence[tuple[asyncio.Future[Json], Settled]]) -> None:
    for future, end in ends:
        _resolve(future, end)
