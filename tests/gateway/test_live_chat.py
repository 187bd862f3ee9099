"""Joining a conversation: events after a cursor, then those to come, and an answer in the middle of being said."""

from __future__ import annotations

import asyncio

import pytest

from sessions_app.gateway.consumer import GatewayConsumer
from sessions_app.runtime import streaming
from tests.gateway.conftest import make_token
from tests.gateway.test_consumer import deltas, ended, events, say, stored

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


async def test_sending_subscribes_the_socket_to_the_conversation(world, program, agent):
    agent.say("Hel", "lo")
    agent.end()
    sent = await say(program, world)
    await program.until(ended(program))
    final = events(program, "chat")[-1]
    assert (final["text"], final["runId"], final["entrySeq"]) == ("Hello", sent["runId"], 2)
    assert "".join(delta["deltaText"] for delta in deltas(program)) == "Hello"
    numbers = [e["payload"]["eventSeq"] for e in program.events if "eventSeq" in e["payload"]]
    assert numbers == sorted(set(numbers))
    assert [event["seq"] for event in program.events] == list(range(1, len(program.events) + 1))


async def test_a_refused_send_still_answers_and_subscribes_nobody_to_what_is_not_theirs(world, process, open_socket):
    socket = await open_socket()
    await socket.hello(await stored(lambda: make_token(world, "read", "write", username="bob")))
    current = str(await stored(lambda: world.current))
    params = {"sessionKey": world.key, "sessionId": current, "message": "hi", "idempotencyKey": "x"}
    assert (await socket.error("chat.send", params))["code"] == "forbidden"
    place = await stored(lambda: world.conversation)
    assert place.pk not in process.hub.watched()


async def test_a_sync_without_a_cursor_gives_the_head_and_then_what_comes(world, program, page, agent):
    await say(page, world, "before")
    head = await program.call("events.sync", {"sessionKey": world.key})
    assert head["events"] == []
    assert head["lastEvent"] >= 1
    await say(page, world, "after")
    await program.until(lambda _: any(p["entry"]["text"] == "after" for p in events(program, "entry.added")))
    assert min(e["payload"]["eventSeq"] for e in program.events if "eventSeq" in e["payload"]) == head["lastEvent"] + 1


async def test_a_sync_after_a_cursor_and_the_live_events_leave_no_gap_and_repeat_nothing(world, program, page, agent):
    for n in range(5):
        await say(page, world, f"before {n}")
    page_of_log = await program.call("events.sync", {"sessionKey": world.key, "afterEvent": 0, "limit": 3})
    assert page_of_log["hasMore"]
    for n in range(5):
        await say(page, world, f"after {n}")
    texts = [e["payload"]["entry"]["text"] for e in page_of_log["events"] if e["type"] == "entry.added"]
    await program.until(lambda _: any(p["entry"]["text"] == "after 4" for p in events(program, "entry.added")))
    texts += [payload["entry"]["text"] for payload in events(program, "entry.added")]
    assert texts == [f"before {n}" for n in range(5)] + [f"after {n}" for n in range(5)]
    numbers = [e["eventSeq"] for e in page_of_log["events"]]
    numbers += [e["payload"]["eventSeq"] for e in program.events if "eventSeq" in e["payload"]]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_late_tab_gets_the_text_so_far_and_then_the_tail(world, program, page, agent, monkeypatch):
    monkeypatch.setattr(streaming, "DELTA_SECONDS", 0.01)
    agent.say("Once 🙂 ", "upon ", "a ")
    await say(page, world)
    await page.until(lambda _: "".join(delta["deltaText"] for delta in deltas(page)) == "Once 🙂 upon a ")
    agent.say("ti", "me ")  # on its way while the late tab comes
    sync = await program.call("events.sync", {"sessionKey": world.key, "afterEvent": 0})
    text = sync["live"]["text"]
    assert text.startswith("Once 🙂 upon a ")
    agent.say("there ", "was.")
    agent.end()
    await program.until(ended(program))
    for delta in deltas(program):
        assert delta["offset"] == len(text)
        text += delta["deltaText"]
    final = events(program, "chat")[-1]
    assert text == final["text"] == "Once 🙂 upon a time there was."
    assert sync["live"]["runId"] == final["runId"]
    assert (await stored(world.texts))[-1] == text


async def test_what_is_said_between_the_answer_to_a_sync_and_the_watch_is_told_too(
    world, program, page, agent, monkeypatch
):
    monkeypatch.setattr(streaming, "DELTA_SECONDS", 0.0)
    sending = GatewayConsumer._send
    meanwhile = [" more", " and more"]

    async def sends(self: GatewayConsumer, text: str) -> None:
        await sending(self, text)
        if '"lastEvent"' in text and meanwhile:
            told = meanwhile.pop(0)
            agent.say(told)
            await page.until(lambda _: deltas(page)[-1]["deltaText"] == told)

    agent.say("once")
    await say(page, world)
    await page.until(lambda _: deltas(page))
    monkeypatch.setattr(GatewayConsumer, "_send", sends)
    sync = await program.call("events.sync", {"sessionKey": world.key, "afterEvent": 0})
    assert sync["live"]["text"] == "once"
    await program.until(lambda _: deltas(program))
    assert (deltas(program)[0]["offset"], deltas(program)[0]["deltaText"]) == (4, " more")
    await program.call(
        "events.sync", {"sessionKey": world.key, "afterEvent": 0}
    )  # it watches already: nothing is told twice
    agent.end()
    await program.until(ended(program))
    told = sync["live"]["text"] + "".join(delta["deltaText"] for delta in deltas(program))
    assert told == events(program, "chat")[-1]["text"] == "once more and more"


async def test_a_tab_that_comes_after_the_end_finds_it_in_the_log(world, program, page, agent):
    agent.answers("done")
    await say(page, world)
    await page.until(ended(page))
    sync = await program.call("events.sync", {"sessionKey": world.key, "afterEvent": 0})
    assert "live" not in sync
    assert [e["payload"]["text"] for e in sync["events"] if e["type"] == "chat"] == ["done"]


async def test_a_cursor_ahead_of_the_log_is_told_and_nothing_follows(world, process, program):
    error = await program.error("events.sync", {"sessionKey": world.key, "afterEvent": 999})
    assert error["code"] == "invalid_params"
    assert error["details"]["field"] == "afterEvent"
    assert (await stored(lambda: world.conversation)).pk not in process.hub.watched()


async def test_everybody_who_watches_sees_the_same_events_in_the_same_order(world, program, page, agent):
    for socket in (program, page):
        await socket.call("events.sync", {"sessionKey": world.key})
    agent.answers(*(f"answer {n}" for n in range(4)))
    await asyncio.gather(*(say(program, world, f"question {n}") for n in range(4)))
    for socket in (program, page):
        await socket.until(lambda _, socket=socket: len(ended(socket)(None)) == 4)
    seen = [[(e["event"], e["payload"]) for e in s.events if "eventSeq" in e["payload"]] for s in (program, page)]
    assert seen[0] == seen[1]


async def test_a_socket_that_is_gone_is_forgotten(world, process, open_socket, token):
    socket = await open_socket()
    await socket.hello(token)
    await socket.call("events.sync", {"sessionKey": world.key})
    before = process.hub.open_sockets
    await socket.close()
    assert process.hub.open_sockets == before - 1
    assert process.hub.watched() == {}
    assert process.in_flight == 0
