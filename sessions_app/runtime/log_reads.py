"""Reads of the event log, many conversations together: a batch of writes pokes all of them at once, and each read costs a thread's turn."""

from __future__ import annotations

import asyncio

from sessions_app.runtime.readers import Readers
from sessions_app.selectors import events
from sessions_app.selectors.events import LogPlace
from sessions_app.values import Json

READS_AT_ONCE = 2  # what is asked meanwhile is read together afterwards
PLACES_MAX = 64  # in one read


class LogReads:
    """Collects what is asked in one turn of the event loop, and reads it by one query. Belongs to the loop.

    Args:
        readers: who reads.
    """

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._loop = asyncio.get_running_loop()
        self._wanted: list[tuple[LogPlace, asyncio.Future[list[Json]]]] = []
        self._reading: set[asyncio.Task[None]] = set()

    async def after(self, place: LogPlace) -> list[Json]:
        """The rows behind a place, as `selectors.events.events_after`.

        Raises:
            StorageUnavailableError: the database did not answer.
        """
        future: asyncio.Future[list[Json]] = self._loop.create_future()
        if not self._wanted:
            self._loop.call_soon(self._begin)
        self._wanted.append((place, future))
        return await future

    def _begin(self) -> None:
        while self._wanted and len(self._reading) < READS_AT_ONCE:
            batch, self._wanted = self._wanted[:PLACES_MAX], self._wanted[PLACES_MAX:]
            task = self._loop.create_task(self._read(batch))
            self._reading.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._reading.discard(task)
        self._begin()

    async def _read(self, batch: list[tuple[LogPlace, asyncio.Future[list[Json]]]]) -> None:
        try:
            found = await self._readers.read(events.events_after_each, [place for place, _ in batch])
        except Exception as error:  # noqa: BLE001 - each of them is told, and asks again
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), rows in zip(batch, found, strict=True):
            if not future.done():
                future.set_result(rows)
