"""Several processes on one PostgreSQL database: one delivers, each event once and in order; when it is gone, another takes over."""

from __future__ import annotations

import asyncio
import os

import pytest
from django.db import connection

from sessions_app.models import HookEvent
from sessions_app.runtime.alone import HOOKS, Alone
from sessions_app.runtime.hooks import deliverer
from sessions_app.runtime.hooks.config import HooksConfig
from sessions_app.runtime.process import process_started, process_stopped
from sessions_app.values import EndReason
from tests.runtime.hooks.test_delivery import until, web
from tests.runtime.talk import stored

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]
on_postgres = pytest.mark.skipif(
    os.environ.get("TEST_ENGINE") != "postgres", reason="on SQLite one process serves a place"
)


async def ended(process):
    await process_stopped(process, reason=EndReason.SHUTDOWN, drain_seconds=0)


def talked(world):
    world.talk()
    world.reset()


def lock_lost():
    """End the connection that holds the right, as a network that breaks does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [HOOKS],
        )
        return len(cursor.fetchall())


def all_told(receiver):
    return {got.headers["x-holdfast-delivery"] for got in receiver.got} == {
        str(pk) for pk in HookEvent.objects.values_list("event_id", flat=True)
    }


async def test_whoever_is_alone_has_the_right_at_once_and_keeps_it(world):
    alone = Alone(HOOKS)
    assert [await alone.holds() for _ in range(3)] == [True] * 3
    await alone.let_go()


@on_postgres
async def test_two_cannot_have_the_right_and_it_goes_to_the_other_when_it_is_given_back(world):
    first, second = Alone(HOOKS), Alone(HOOKS)
    assert await first.holds()
    assert not await second.holds()
    assert await first.holds()
    await first.let_go()
    async with asyncio.timeout(60):
        while not await second.holds():  # noqa: ASYNC110 - a lock announces nothing
            await asyncio.sleep(0.02)
    await second.let_go()


@on_postgres
async def test_of_two_processes_one_delivers_and_the_other_goes_on_when_it_stops(world, agent, receiver, monkeypatch):
    monkeypatch.setattr(deliverer, "ALONE_SECONDS", 0.05)
    monkeypatch.setattr(deliverer, "POLL_SECONDS", 0.05)
    subscribers = {"web": web(receiver)}
    first = await process_started(agent.as_set(), HooksConfig(subscribers))
    second = await process_started(agent.as_set(), HooksConfig(subscribers))
    try:
        for _ in range(4):
            await stored(lambda: talked(world))
        await until(lambda: len(receiver.got) == HookEvent.objects.count())
        once = [got.headers["x-holdfast-delivery"] for got in receiver.got]
        assert len(once) == len(set(once))
    finally:
        await ended(first)
    try:
        await stored(lambda: talked(world))
        await until(lambda: len(receiver.got) == HookEvent.objects.count())
        assert await stored(lambda: all_told(receiver))
        told = receiver.told()
        numbers = {str(e.event_id): e.number for e in await stored(lambda: list(HookEvent.objects.all()))}
        by_session: dict[str, list[int]] = {}
        for payload in told:
            by_session.setdefault(payload["sessionId"], []).append(numbers[payload["eventId"]])
        assert all(each == sorted(each) for each in by_session.values())
    finally:
        await ended(second)


@on_postgres
async def test_a_lost_connection_loses_the_right_and_nothing_else(world, agent, receiver, monkeypatch):
    monkeypatch.setattr(deliverer, "ALONE_SECONDS", 0.05)
    monkeypatch.setattr(deliverer, "POLL_SECONDS", 0.05)
    process = await process_started(agent.as_set(), HooksConfig({"web": web(receiver)}))
    try:
        await stored(lambda: talked(world))
        await until(lambda: len(receiver.got) == HookEvent.objects.count())
        assert await stored(lock_lost) == 1
        await stored(lambda: talked(world))
        await until(lambda: all_told(receiver))
    finally:
        await ended(process)
