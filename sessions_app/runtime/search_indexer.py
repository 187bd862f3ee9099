"""Brings the search index up to what was said, after the ack and in small steps.

Texts are split into words in a reader's thread; only the rows go through the writer, as one command of at most STEP_ENTRIES entries.
The writer is the way, and not a connection beside it, because SQLite lets one connection write at a time: a second one would make
sends wait in SQLite's own sleeps, while a command takes its place in the queue and shares the disk's flush with the sends in its
batch. Between two steps the writer is left alone for as long as the step took, and longer while others are queued.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from sessions_app.errors import HoldfastError
from sessions_app.runtime import writers
from sessions_app.runtime.lane_writer import LaneWriter
from sessions_app.runtime.readers import Readers
from sessions_app.runtime.thread_writer import ThreadWriter
from sessions_app.selectors.search_backlog import BULK_ENTRIES, backlog
from sessions_app.services.search import search_extend
from sessions_app.values import SYSTEM, Call, Command, Trigger

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
PAUSE_SECONDS = 0.005
RETRY_SECONDS = 10.0
TOLD_ENTRIES = 20_000
_CALL = Call(SYSTEM, Trigger.SCHEDULE)


async def index_forever(writer: ThreadWriter | LaneWriter, readers: Readers) -> None:
    """Index what is new, for ever. What cannot be indexed now is tried again later; nothing is lost by that."""
    pause = LOOK_SECONDS
    while True:
        await asyncio.sleep(pause)
        pause = PAUSE_SECONDS
        if writer.queue_length:
            continue
        try:
            if not await index_step(writer, readers):
                pause = LOOK_SECONDS
        except HoldfastError as error:
            logger.warning("the search index could not be brought up to date: %s", error)
            pause = RETRY_SECONDS


async def index_step(writer: ThreadWriter | LaneWriter, readers: Readers) -> bool:
    """Index one batch.

    Returns:
        Whether more waits.

    Raises:
        HoldfastError: it could not be read or written.
    """
    step = await readers.read(backlog)
    if step.is_news:
        began = time.monotonic()
        await writer.send(Command(search_extend, _CALL, {"backlog": step}))
        await asyncio.sleep(time.monotonic() - began)
    return step.has_more


def index_all(told: Callable[[int], None]) -> None:
    """Index all that waits, for a command; a server that runs beside may do a part of it.

    Args:
        told: called now and then with the id of the entry it has come to.

    Raises:
        HoldfastError: it could not be written.
    """
    while True:
        step = backlog(BULK_ENTRIES)
        if step.is_news:
            writers.current().call(Command(search_extend, Call(SYSTEM, Trigger.CLI), {"backlog": step}))
        if not step.has_more:
            return
        if step.upto // TOLD_ENTRIES > step.after // TOLD_ENTRIES:
            told(step.upto)
