"""From pieces to deltas: the first at once, the rest together, offsets without a gap, and the text so far on disk."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from sessions_app.models import Run
from sessions_app.runtime import runner as runners
from sessions_app.runtime import streaming
from sessions_app.services.runs import partials_save
from tests.runtime.talk import Talk, stored

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest_asyncio.fixture
async def talk(world, process):
    return await Talk(world, process).watching()


def never(monkeypatch):
    """The second delta's time does not come by itself."""
    monkeypatch.setattr(streaming, "DELTA_SECONDS", 3600.0)


async def test_the_first_piece_goes_out_at_once_and_the_rest_together_at_the_end(talk, agent, monkeypatch):
    never(monkeypatch)
    agent.say("one ", "two ", "three ", "four")
    agent.end()
    await talk.say()
    await talk.until_ended("final")
    assert [(d["offset"], d["deltaText"]) for d in talk.inbox.deltas] == [(0, "one "), (4, "two three four")]


async def test_what_waits_goes_out_when_its_time_comes_without_another_piece(talk, agent, monkeypatch):
    monkeypatch.setattr(streaming, "DELTA_SECONDS", 0.05)
    agent.say("one ", "two ", "three")  # and then nothing for a long time
    await talk.say()
    await talk.until_streamed("one two three")
    assert len(talk.inbox.deltas) == 2


async def test_offsets_count_code_points_and_leave_no_gap(talk, agent, monkeypatch):
    monkeypatch.setattr(streaming, "DELTA_SECONDS", 0.0)
    pieces = ["zwei 二", "🙂🙂", "é", "", "end"]
    agent.say(*pieces)
    agent.end()
    await talk.say()
    await talk.until_ended("final")
    at = 0
    for delta in talk.inbox.deltas:
        assert delta["offset"] == at
        assert "eventSeq" not in delta
        at += len(delta["deltaText"])
    assert "".join(delta["deltaText"] for delta in talk.inbox.deltas) == "".join(pieces)


async def test_deltas_stand_before_the_end_they_belong_to(talk, agent, monkeypatch):
    never(monkeypatch)
    agent.say("one ", "two")
    agent.end()
    await talk.say()
    await talk.until_ended("final")
    states = [f["payload"]["state"] for f in talk.inbox.frames if f["event"] == "chat"]
    assert states == ["delta", "delta", "final"]


async def test_the_text_so_far_is_saved_again_and_again_while_it_streams(talk, agent, monkeypatch):
    monkeypatch.setattr(runners, "SAVE_SECONDS", 0.01)

    async def until_saved(text):
        async with asyncio.timeout(60):
            while await stored(lambda: Run.objects.get(pk=run_id).partial) != text:  # noqa: ASYNC110 - rows send no events
                await asyncio.sleep(0.01)

    run_id = await talk.say()
    agent.say("half ")
    await until_saved("half ")
    agent.say("an answer")
    await until_saved("half an answer")
    assert await stored(talk.world.texts) == ["hello"]  # no entry before the end


async def test_text_that_did_not_grow_is_not_written_again(talk, agent, process, monkeypatch):
    monkeypatch.setattr(runners, "SAVE_SECONDS", 0.01)
    agent.say("half")
    run_id = await talk.say()
    async with asyncio.timeout(60):
        while await stored(lambda: Run.objects.get(pk=run_id).partial) != "half":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    sent, send = [], process.writer.send
    monkeypatch.setattr(process.writer, "send", lambda command: sent.append(command.verb) or send(command))
    agent.say(" more")
    async with asyncio.timeout(60):
        while await stored(lambda: Run.objects.get(pk=run_id).partial) != "half more":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    for _ in range(10):
        await asyncio.sleep(0.01)
    assert sent.count(partials_save) == 1


async def test_nobody_has_to_watch(world, process, agent):
    talk = Talk(world, process)
    agent.answers("nobody saw this come")
    run_id = await talk.say()
    async with asyncio.timeout(60):
        while (await talk.run(run_id)).answer_seq is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await stored(world.texts) == ["hello", "nobody saw this come"]
