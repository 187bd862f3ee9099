"""Reads beside the event loop: several at once, each thread with a connection it keeps and gives back."""

from __future__ import annotations

import asyncio
import threading

import pytest
import pytest_asyncio
from django.db import connection

from sessions_app.errors import NotFoundError, StorageUnavailableError
from sessions_app.models import Conversation
from sessions_app.runtime.readers import Readers

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest_asyncio.fixture
async def readers(world):
    made = Readers(2)
    yield made
    await asyncio.to_thread(made.close)


async def test_a_read_answers_in_a_thread_of_its_own(readers, world):
    where = await readers.read(lambda: threading.current_thread().name)
    assert where.startswith("holdfast-reader")
    assert await readers.read(Conversation.objects.filter(key=world.key).count) == 1


async def test_two_reads_go_on_at_once(readers):
    both = threading.Barrier(2)
    await asyncio.gather(readers.read(both.wait, 20), readers.read(both.wait, 20))


async def test_a_slow_read_leaves_the_loop_alone(readers):
    go = threading.Event()
    slow = asyncio.ensure_future(readers.read(go.wait, 20))
    assert await readers.read(lambda: "quick") == "quick"
    assert not slow.done()
    go.set()
    assert await slow


async def test_a_thread_keeps_its_connection(world):
    def kept():
        connection.ensure_connection()
        return id(connection.connection)

    one = Readers(1)
    first = await one.read(kept)
    again = await one.read(kept)
    await asyncio.to_thread(one.close)
    assert first == again


async def test_a_database_that_fails_is_storage_unavailable_and_the_next_read_works(readers, world):
    def broken():
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")

    for _ in range(3):
        with pytest.raises(StorageUnavailableError) as caught:
            await readers.read(broken)
    assert isinstance(caught.value.__cause__, Exception)
    assert await readers.read(Conversation.objects.filter(key=world.key).count) == 1


async def test_a_refusal_comes_through_as_it_is(readers):
    def refuse():
        raise NotFoundError("not here")

    with pytest.raises(NotFoundError, match="not here"):
        await readers.read(refuse)


async def test_closing_waits_for_what_is_read_and_closes_every_connection(world):
    readers = Readers(3)
    seen = []

    def read():
        connection.ensure_connection()
        seen.append(connection.connection)

    await asyncio.gather(*(readers.read(read) for _ in range(12)))
    await asyncio.to_thread(readers.close)
    for raw in seen:
        if connection.vendor == "sqlite":
            with pytest.raises(Exception, match="closed"):
                raw.execute("SELECT 1")
        else:
            assert raw.closed
    with pytest.raises(RuntimeError):
        await readers.read(read)
