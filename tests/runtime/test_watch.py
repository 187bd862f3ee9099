"""What other processes write is noticed: their rows reach our watchers, their runs our runner, and whoever is gone is hung up on."""

from __future__ import annotations

import pytest
from channels.db import database_sync_to_async

from sessions_app.models import User
from sessions_app.runtime import watch
from sessions_app.selectors.people import token_actor
from sessions_app.services.tokens import token_create, token_revoke
from tests.runtime.inbox import Inbox

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch):
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.01)


def elsewhere(function):
    """Call something as another process would: on another connection, telling nobody here."""
    return database_sync_to_async(function)()


async def test_a_row_of_another_process_reaches_our_watchers(world, process):
    inbox = Inbox()
    place = await elsewhere(lambda: world.conversation)
    process.hub.watch(inbox, place.pk, place.key, place.last_event)
    await elsewhere(world.reset)
    await inbox.until(lambda: any(frame["event"] == "session.reset" for frame in inbox.frames))


async def test_a_run_that_another_process_queued_is_taken(world, process, agent):
    agent.answers("from here")
    inbox = Inbox()
    place = await elsewhere(lambda: world.conversation)
    process.hub.watch(inbox, place.pk, place.key, place.last_event)
    await elsewhere(lambda: world.say("from there"))
    await inbox.until(lambda: inbox.ends("final") == 1)
    assert await elsewhere(world.texts) == ["from there", "from here"]


async def test_an_account_that_is_disabled_elsewhere_is_hung_up_on(world, process):
    gone, stays = Inbox(actor=world.bob), Inbox(actor=world.ana)
    process.hub.open(gone)
    process.hub.open(stays)
    await elsewhere(lambda: User.objects.filter(username="bob").update(is_active=False))
    await gone.until(lambda: gone.is_hung_up)
    assert not stays.is_hung_up


async def test_a_token_that_is_revoked_elsewhere_is_hung_up_on(world, process):
    made = await elsewhere(lambda: world.do(token_create, username="ana", name="bot", scopes=["read"]))
    inbox = Inbox(actor=await elsewhere(lambda: token_actor(made["token"])))
    process.hub.open(inbox)
    await elsewhere(lambda: world.do(token_revoke, token_id=made["tokenId"]))
    await inbox.until(lambda: inbox.is_hung_up)
