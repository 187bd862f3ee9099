"""A socket that watches somebody else's conversation: as long as the reason it gave covers what is told."""

from __future__ import annotations

import datetime

import pytest
from channels.db import database_sync_to_async

from sessions_app.runtime.permits import Permit
from tests.gateway.conftest import cookie_of
from tests.support.world import request_id

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def others(world):
    """Headers of the operator's page."""
    world.talk()
    return cookie_of("olga")


@database_sync_to_async
def opening(world):
    params = {"sessionKey": world.key, "reason": "ticket 7", "requestId": request_id()}
    return params | {"sessionId": str(world.current)}


@database_sync_to_async
def said(world, text):
    world.talk(text)


@database_sync_to_async
def reset(world):
    world.reset()


def texts(events):
    found = (event["payload"].get("entry") or {} for event in events)
    return [entry["text"] for entry in found if entry.get("text")]


async def test_nothing_is_streamed_before_a_reason_and_nothing_of_the_next_session(world, others, open_socket, page):
    socket = await open_socket(**others)
    await socket.hello()
    error = await socket.error("events.sync", {"sessionKey": world.key})
    assert error["code"] == "reason_required"
    await page.call("events.sync", {"sessionKey": world.key})
    opened = await socket.call("sessions.open", await opening(world))
    synced = await socket.call("events.sync", {"sessionKey": world.key})
    assert synced["readableUntil"] == opened["readableUntil"]
    await said(world, "before the reset")
    await socket.until(lambda events: "before the reset" in texts(events))
    await reset(world)
    await said(world, "after the reset")
    await page.until(lambda events: "after the reset" in texts(events))
    await socket.until(lambda events: any(event["event"] == "watch.ended" for event in events))
    ended = [event["payload"] for event in socket.events if event["event"] == "watch.ended"]
    assert ended == [{"sessionKey": world.key, "code": "reason_required"}]
    assert "after the reset" not in texts(socket.events)
    await socket.call("sessions.open", await opening(world))  # it may go on where it was told to stop
    again = await socket.call("events.sync", {"sessionKey": world.key, "afterEvent": synced["lastEvent"]})
    assert [event["type"] for event in again["events"]].count("session.reset") == 1


async def test_a_permit_covers_one_session_until_its_time():
    now = datetime.datetime.now(datetime.UTC)
    permit = Permit("a", now + datetime.timedelta(minutes=1))
    assert permit.covers({"sessionId": "a"})
    assert not permit.covers({"sessionId": "b"})
    assert not Permit("a", now).covers({"sessionId": "a"})
