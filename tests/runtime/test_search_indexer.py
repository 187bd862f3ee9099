"""The index follows what is said in a serving process, and is never in its way."""

from __future__ import annotations

import asyncio

import pytest
from django.db import connection

from sessions_app.runtime.search_indexer import index_step
from sessions_app.selectors.search import search
from sessions_app.selectors.search_backlog import search_lag
from tests.runtime.talk import Talk, stored

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


async def until(holds):
    for _ in range(1200):
        if await holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that in a minute")


async def found(world, query):
    answer = await stored(lambda: search(world.ana, query=query))
    return [(hit["role"], hit["seq"]) for hit in answer["hits"]]


async def test_what_is_said_is_found_soon_after(world, process, agent):
    talk = await Talk(world, process).watching()
    await talk.say("the harbour lights")
    await until(lambda: found(world, "harbour lights"))

    async def nothing_waits():
        return (await stored(search_lag))["entries"] == 0

    await until(nothing_waits)


async def test_an_entry_that_cannot_be_read_does_not_stop_the_others(world, process):
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL takes no such bytes")

    def torn():
        world.talk("harbour before")
        world.talk("harbour torn")
        world.talk("harbour after")
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER entry_no_update")
            cursor.execute("UPDATE sessions_app_entry SET text = CAST(x'ff00fe' AS TEXT) WHERE text = 'harbour torn'")
            cursor.execute(
                "CREATE TRIGGER entry_no_update BEFORE UPDATE ON sessions_app_entry"
                " BEGIN SELECT RAISE(ABORT, 'entries are immutable'); END"
            )

    await stored(torn)

    async def two_are_found():
        return len(await found(world, "harbour")) == 2

    await until(two_are_found)
    assert not await index_step(process.writer, process.looker)
    assert await found(world, "harbour") == [("user", 5), ("user", 1)]
