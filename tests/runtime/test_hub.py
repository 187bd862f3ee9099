"""Rows after a cursor, to everybody, in order, whatever is lost on the way."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest
import pytest_asyncio
from channels.db import database_sync_to_async
from django.db import OperationalError

from sessions_app.runtime import hub as hubs
from sessions_app.runtime.hub import Hub, frame_encoded
from sessions_app.runtime.readers import Readers
from sessions_app.selectors import events
from tests.runtime.inbox import Inbox

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def place(world):
    """Ana's conversation with three events in its log."""
    for n in range(3):
        world.say(f"message {n}")
    return world.conversation


@pytest_asyncio.fixture
async def hub(place):
    readers = Readers(2)
    yield Hub(readers)
    await asyncio.to_thread(readers.close)


def has_all(inbox):
    return inbox.numbers == [1, 2, 3]


async def settled():
    """Let every pump that has something to do do it."""
    async with asyncio.timeout(60):
        while pumps := [t for t in asyncio.all_tasks() if "_pump" in repr(t.get_coro())]:
            await asyncio.gather(*pumps)


@database_sync_to_async
def said(world, count=1):
    for n in range(count):
        world.say(f"more {n}")


async def test_a_watcher_gets_every_row_after_its_cursor_then_those_to_come(world, hub, place):
    inbox = Inbox()
    hub.watch(inbox, place.pk, place.key, 1)
    await inbox.until(lambda: inbox.numbers == [2, 3])
    await said(world, 2)
    hub.poke([place.pk])
    await inbox.until(lambda: inbox.numbers == [2, 3, 4, 5])
    assert [frame["payload"]["entry"]["text"] for frame in inbox.frames] == [
        "message 1",
        "message 2",
        "more 0",
        "more 1",
    ]


async def test_a_row_that_comes_between_reading_the_cursor_and_watching_is_not_missed(world, hub, place):
    cursor = place.last_event
    await said(world)
    hub.poke([place.pk])  # nobody watches yet: this poke is for nobody
    inbox = Inbox()
    hub.watch(inbox, place.pk, place.key, cursor)
    await inbox.until(lambda: inbox.numbers == [4])


async def test_a_second_watcher_behind_the_first_misses_nothing_and_repeats_nothing(world, hub, place):
    first, second = Inbox(), Inbox()
    hub.watch(first, place.pk, place.key, 0)
    await first.until(lambda: first.numbers == [1, 2, 3])
    hub.watch(second, place.pk, place.key, 1)
    await second.until(lambda: second.numbers == [2, 3])
    assert first.numbers == [1, 2, 3]


async def test_whoever_joins_with_an_older_cursor_while_rows_are_read_misses_nothing(world, hub, place, monkeypatch):
    first, second, reading, go = Inbox(), Inbox(), threading.Event(), threading.Event()
    real = events.events_after

    def slow(conversation_id, number, *args, **kwargs):
        if number == 3 and not reading.is_set():
            reading.set()
            assert go.wait(20)
        return real(conversation_id, number, *args, **kwargs)

    monkeypatch.setattr(events, "events_after", slow)
    await said(world)
    hub.watch(first, place.pk, place.key, 3)
    assert await asyncio.to_thread(reading.wait, 20)
    hub.watch(second, place.pk, place.key, 1)
    go.set()
    await second.until(lambda: len(second.numbers) >= 3)
    assert (first.numbers, second.numbers) == ([4], [2, 3, 4])


async def test_a_lost_poke_costs_delay_only(world, hub, place):
    inbox = Inbox()
    hub.watch(inbox, place.pk, place.key, 3)
    await settled()
    await said(world, 2)  # without a poke
    await settled()
    assert inbox.numbers == []
    await said(world)
    hub.poke([place.pk])
    await inbox.until(lambda: inbox.numbers == [4, 5, 6])


async def test_pokes_for_conversations_nobody_watches_read_nothing(world, hub, place, monkeypatch):
    monkeypatch.setattr(events, "events_after", lambda *_, **__: pytest.fail("read for nobody"))
    hub.poke([place.pk])
    await settled()


async def test_pokes_may_come_from_any_thread_many_at_once(world, hub, place):
    inbox = Inbox()
    hub.watch(inbox, place.pk, place.key, 3)
    await said(world, 5)
    await asyncio.gather(*(asyncio.to_thread(hub.poke, [place.pk]) for _ in range(20)))
    await inbox.until(lambda: inbox.numbers == [4, 5, 6, 7, 8])
    await settled()
    assert inbox.numbers == [4, 5, 6, 7, 8]


async def test_a_slow_watcher_keeps_its_cursor_and_catches_up(world, hub, place):
    slow, quick = Inbox(room=1), Inbox()
    hub.watch(slow, place.pk, place.key, 0)
    hub.watch(quick, place.pk, place.key, 0)
    await quick.until(lambda: quick.numbers == [1, 2, 3])
    await settled()
    assert slow.numbers == [1]
    slow.room = 100
    hub.caught_up(slow)
    await slow.until(lambda: slow.numbers == [1, 2, 3])
    assert quick.numbers == [1, 2, 3]


async def test_a_watcher_far_behind_that_takes_nothing_holds_up_nobody(world, hub, place, monkeypatch):
    monkeypatch.setattr(hubs, "EVENTS_MAX_ROWS", 2)
    stuck, quick = Inbox(room=0), Inbox()
    hub.watch(stuck, place.pk, place.key, 0)
    hub.watch(quick, place.pk, place.key, 3)
    await settled()
    await said(world, 3)
    hub.poke([place.pk])
    await quick.until(lambda: quick.numbers == [4, 5, 6], seconds=5)
    stuck.room = 100
    hub.caught_up(stuck)
    await stuck.until(lambda: stuck.numbers == [1, 2, 3, 4, 5, 6])
    assert quick.numbers == [4, 5, 6]


async def test_a_long_log_is_handed_out_in_pages_and_in_order(world, hub, place, monkeypatch):
    monkeypatch.setattr(hubs, "EVENTS_MAX_ROWS", 2)
    await said(world, 6)
    inbox = Inbox()
    hub.watch(inbox, place.pk, place.key, 0)
    await inbox.until(lambda: inbox.numbers == list(range(1, 10)))


async def test_deltas_reach_whoever_watches_and_are_thrown_away_otherwise(world, hub, place):
    hub.delta(place.pk, {"state": "delta", "deltaText": "for nobody"})
    inbox, full = Inbox(), Inbox(room=0)
    hub.watch(inbox, place.pk, place.key, 3)
    hub.watch(full, place.pk, place.key, 3)
    hub.delta(place.pk, {"state": "delta", "deltaText": "for one"})
    hub.unwatch(inbox)
    hub.delta(place.pk, {"state": "delta", "deltaText": "too late"})
    await settled()
    assert [delta["deltaText"] for delta in inbox.deltas] == ["for one"]
    full.room = 100
    hub.caught_up(full)
    await settled()
    assert full.texts == []  # a delta is not kept for anybody


async def test_a_frame_is_encoded_once_for_all_watchers(world, hub, place):
    inboxes = [Inbox() for _ in range(5)]
    for inbox in inboxes:
        hub.watch(inbox, place.pk, place.key, 0)
    hub.delta(place.pk, {"state": "delta", "deltaText": "x"})
    for inbox in inboxes:
        await inbox.until(functools.partial(has_all, inbox))
    for texts in zip(*(inbox.texts for inbox in inboxes), strict=True):
        assert len({id(text) for text in texts}) == 1


async def test_a_log_that_cannot_be_read_is_read_again(world, hub, place, monkeypatch, caplog):
    failures = iter([OperationalError("the disk is away"), None])
    real = events.events_after

    def flaky(*args, **kwargs):
        if error := next(failures, None):
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(hubs, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(events, "events_after", flaky)
    inbox = Inbox()
    hub.watch(inbox, place.pk, place.key, 0)
    await inbox.until(lambda: inbox.numbers == [1, 2, 3])
    assert "could not be read" in caplog.text


async def test_whoever_leaves_is_given_nothing_more(world, hub, place):
    inbox = Inbox()
    hub.open(inbox)
    hub.watch(inbox, place.pk, place.key, 3)
    assert hub.open_sockets == 1
    assert hub.is_watching(inbox, place.pk)
    hub.close(inbox)
    hub.broadcast("tick", {})
    hub.poke([place.pk])
    await settled()
    assert (hub.open_sockets, hub.watched(), inbox.texts) == (0, {}, [])


async def test_everybody_hears_a_broadcast_whatever_they_watch(hub):
    inboxes = [Inbox(), Inbox(room=0), Inbox()]
    for inbox in inboxes:
        hub.open(inbox)
    hub.broadcast("shutdown", {"reason": "stopping"})
    assert [len(inbox.texts) for inbox in inboxes] == [1, 0, 1]
    assert inboxes[0].frames[0] == {"type": "event", "event": "shutdown", "payload": {"reason": "stopping"}, "seq": 0}


async def test_only_the_sockets_of_those_who_are_gone_are_hung_up_on(world, hub, place):
    gone, stays = Inbox(actor=world.bob), Inbox(actor=world.ana)
    for inbox in (gone, stays):
        hub.open(inbox)
        hub.watch(inbox, place.pk, place.key, 3)
    assert hub.actors() == {world.ana, world.bob}
    hub.hang_up([world.bob])
    assert (gone.is_hung_up, stays.is_hung_up) == (True, False)
    assert not hub.is_watching(gone, place.pk)


async def test_a_frame_leaves_the_number_of_the_connection_to_the_connection():
    assert frame_encoded("tick", {"at": "ü"}) + "7}" == '{"type":"event","event":"tick","payload":{"at":"ü"},"seq":7}'
