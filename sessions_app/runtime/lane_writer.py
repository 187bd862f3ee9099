"""The writer for PostgreSQL: the server groups commits itself, so several threads take one command each.

A conversation always meets the same thread, so that what a client sent in order is stored in order.
"""

from __future__ import annotations

import asyncio
import zlib

from sessions_app.runtime.thread_writer import Partials, ThreadWriter, WriterStats, no_partials
from sessions_app.runtime.writers import Publish
from sessions_app.values import Command, Json


class LaneWriter:
    """Several writing threads with one command a transaction, for PostgreSQL. A conversation keeps to one lane.

    Args:
        publish, partials: as `ThreadWriter`.
        lanes: number of threads.
    """

    def __init__(self, publish: Publish, *, partials: Partials = no_partials, lanes: int = 8) -> None:
        self._lanes = [ThreadWriter(publish, partials=partials, max_batch=1) for _ in range(lanes)]

    def start(self) -> None:
        """Start the threads."""
        for lane in self._lanes:
            lane.start()

    def drain(self) -> None:
        """Refuse what people want from now on."""
        for lane in self._lanes:
            lane.drain()

    def stop(self) -> None:
        """Carry out what is queued, then end the threads and their connections."""
        for lane in self._lanes:
            lane.stop()

    def call(self, command: Command) -> Json:
        """Carry out a command and wait for it; see `writers.Writer`."""
        return self._lane(command).call(command)

    def send(self, command: Command) -> asyncio.Future[Json]:
        """Carry out a command; see `writers.Writer`."""
        return self._lane(command).send(command)

    @property
    def stats(self) -> WriterStats:
        """What all lanes have done together."""
        each = [lane.stats for lane in self._lanes]
        return WriterStats(
            sum(s.batches for s in each),
            sum(s.commands for s in each),
            max(s.largest_batch for s in each),
            max(s.committed_at for s in each),
        )

    @property
    def queue_length(self) -> int:
        """How many commands wait for a thread."""
        return sum(lane.queue_length for lane in self._lanes)

    def _lane(self, command: Command) -> ThreadWriter:
        name = str(command.params.get("session_key") or command.params.get("run_id") or "")
        return self._lanes[zlib.crc32(name.encode("utf-8", "surrogatepass")) % len(self._lanes)]
