"""Writers with threads, and a serving process without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import pytest
import pytest_asyncio
from django.db import connection

from sessions_app.runtime import process as processes
from sessions_app.runtime.process import Process, process_started, process_stopped
from sessions_app.runtime.thread_writer import ThreadWriter
from sessions_app.values import Command, Effects, EndReason, Json
from tests.runtime.verbs import FullDisk
from tests.support.scripted_agent import ScriptedAgent
from tests.support.world import World

End = Json | BaseException
Together = Callable[[Sequence[Command]], list[End]]


@pytest.fixture
def disk(world: World) -> Iterator[FullDisk]:
    """A disk that has room until it is filled."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # what other tests freed would be room too
    with FullDisk() as made:
        yield made


@pytest.fixture
def published() -> list[Effects]:
    """What the writer made known."""
    return []


@pytest.fixture
def writer(world: World, published: list[Effects]) -> Iterator[ThreadWriter]:
    """A writing thread that is not started yet, so that what is sent first lies in one batch."""
    made = ThreadWriter(published.append)
    yield made
    made.stop()


@pytest.fixture
def together(writer: ThreadWriter) -> Together:
    """Sends commands that meet in one batch, and gathers how each ended."""

    def carried_out(commands: Sequence[Command]) -> list[End]:
        async def send() -> list[End]:
            futures = [writer.send(command) for command in commands]
            if not writer._thread.is_alive():
                writer.start()
            return list(await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 60))

        return asyncio.run(send())

    return carried_out


@pytest_asyncio.fixture
async def agent() -> ScriptedAgent:
    """What answers in `process`."""
    return ScriptedAgent()


@pytest_asyncio.fixture
async def process(world: World, agent: ScriptedAgent) -> AsyncIterator[Process]:
    """The parts of a serving process, running in the loop of the test."""
    started = await process_started(agent.as_set())
    with processes.installed(started):
        yield started
        await process_stopped(started, reason=EndReason.SHUTDOWN, drain_seconds=0)
