"""Summaries are written by the agent outside any transaction, one for each session, and what goes wrong changes nothing."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
import pytest_asyncio

from sessions_app.agents.base import AgentFailure, FailureKind
from sessions_app.errors import AgentFailedError, DrainingError, RateLimitedError, SessionMovedError
from sessions_app.models import AuditEvent, Checkpoint, Entry
from sessions_app.runtime.compaction import Wanted, compact
from sessions_app.values import Call, Trigger
from tests.runtime.talk import Talk, stored

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]
LONG = "word " * 400  # about 500 tokens


@pytest_asyncio.fixture
async def talk(world, process):
    return await Talk(world, process).watching()


@pytest.fixture
def compacted(world, process):
    """Asks for a summary as ana."""

    async def asked(request_id=None):
        wanted = Wanted(Call(world.ana, Trigger.RPC, request_id or uuid4().hex), world.key)
        return await compact(process.runner.compactor, process.writer, process.readers, wanted)

    return asked


@pytest.fixture
def held(agent):
    """An agent that begins a summary and waits until it is let go."""
    begun, let_go = asyncio.Event(), asyncio.Event()
    answer = agent.answer

    async def holding(turn):
        if turn.wants_summary:
            begun.set()
            await let_go.wait()
        async for piece in answer(turn):
            yield piece

    agent.answer = holding
    return begun, let_go


def _summaries():
    return list(Entry.objects.filter(kind="compaction").values_list("text", flat=True))


async def _said(talk, agent, *messages):
    for message in messages:
        ended = talk.inbox.ends("final")
        agent.answers(f"answer to {message[:9]}")
        await talk.say(message)
        await talk.until_ended("final", count=ended + 1)


async def test_the_agent_is_asked_for_a_summary_and_goes_on_from_it(world, talk, agent, compacted):
    await _said(talk, agent, "one", "two")
    agent.summary = "We counted to two."
    made = await compacted("r1")
    asked = agent.turns[-1]
    assert [message.text for message in asked.messages[:-1]] == ["one", "answer to one", "two", "answer to two"]
    assert "Write a summary" in asked.messages[-1].text
    assert (made["coversSeq"], made["tokensAfter"]) == (4, 5)
    assert made["tokensBefore"] > 0
    turns = len(agent.turns)
    assert await compacted("r1") == made  # a repeat asks no agent
    assert len(agent.turns) == turns
    await _said(talk, agent, "three")
    texts = [message.text for message in agent.turns[-1].messages]
    assert texts[0].endswith("We counted to two.")
    assert texts[1:] == ["three"]


async def test_when_no_summary_comes_nothing_changes_and_the_words_say_why(world, talk, agent, compacted):
    await _said(talk, agent, "one")
    for error in (
        AgentFailure(FailureKind.UNREACHABLE, "Start the model server. Your message is stored; use Retry."),
        "",
    ):
        agent.summary = error
        with pytest.raises(AgentFailedError, match="nothing was changed") as failed:
            await compacted()
        assert "Retry" not in failed.value.message
    assert await stored(lambda: (_summaries(), Checkpoint.objects.count())) == ([], 0)
    agent.summary = "Now it works."
    await compacted()
    assert await stored(_summaries) == ["Now it works."]


async def test_an_answer_that_streams_and_messages_that_arrive_are_not_covered(world, talk, agent, compacted, held):
    await _said(talk, agent, "one")
    agent.say("half ")
    await talk.say("two")
    await talk.until_streamed("answer to onehalf ")
    begun, let_go = held
    task = asyncio.ensure_future(compacted())
    await begun.wait()
    with pytest.raises(RateLimitedError, match="already"):
        await compacted()
    await talk.say("three")
    let_go.set()
    made = await task
    agent.say("an answer")
    agent.end()
    agent.answers("3")
    await talk.until_ended("final", count=3)
    assert made["coversSeq"] == 2
    texts = [message.text for message in agent.turns[-1].messages]
    assert texts[1:] == ["two", "half an answer", "three"]


async def test_a_summary_of_a_session_that_was_reset_meanwhile_is_thrown_away(world, talk, agent, compacted, held):
    await _said(talk, agent, "one")
    begun, let_go = held
    task = asyncio.ensure_future(compacted())
    await begun.wait()
    await stored(world.reset)
    let_go.set()
    with pytest.raises(SessionMovedError):
        await task
    assert await stored(_summaries) == []


async def test_a_drain_gives_a_summary_up(world, process, talk, agent, compacted, held):
    await _said(talk, agent, "one")
    task = asyncio.ensure_future(compacted())
    await held[0].wait()
    process.runner.compactor.stop()
    with pytest.raises(DrainingError):
        await task
    with pytest.raises(DrainingError):
        await compacted()
    assert await stored(_summaries) == []


async def test_a_context_that_grows_past_its_share_is_summarised_before_the_turn(world, talk, agent):
    agent.context_tokens = 2000  # 1,400 is the limit
    agent.summary = "Many words."
    await _said(talk, agent, f"a {LONG}", f"b {LONG}")
    assert await stored(_summaries) == []
    await _said(talk, agent, f"c {LONG}")
    assert await stored(_summaries) == ["Many words."]
    texts = [message.text for message in agent.turns[-1].messages]
    assert texts[0].endswith("Many words.")
    assert texts[1:] == [f"c {LONG}"]
    row = await stored(lambda: AuditEvent.objects.get(type="session.compacted"))
    assert (row.actor_label, row.trigger, row.data["coversSeq"]) == ("holdfast", "schedule", 4)
    await _said(talk, agent, "d")
    assert len(await stored(_summaries)) == 1


async def test_what_does_not_fit_the_window_is_summarised_in_several_goes(world, talk, agent, compacted):
    await _said(talk, agent, *(f"{name} {LONG}" for name in "abc"))
    agent.context_tokens, turns = 1300, len(agent.turns)
    made = await compacted()
    goes = [[message.text[:9] for message in turn.messages[:-1]] for turn in agent.turns[turns:]]
    assert [line.strip() for go in goes for line in go if not line.startswith(("answer", "What was"))] == [
        f"{name} word wo" for name in "abc"
    ]
    assert len(goes) == 3
    assert all(go[0] == "What was " for go in goes[1:])
    entry = await stored(lambda: Entry.objects.get(kind="compaction"))
    assert (entry.data["leftOut"], made["coversSeq"]) == (0, 6)


async def test_a_window_without_room_for_any_message_gets_no_summary(world, talk, agent, compacted):
    await _said(talk, agent, "one")
    agent.context_tokens = 128
    with pytest.raises(AgentFailedError, match="no room for a message"):
        await compacted()
    assert await stored(_summaries) == []


async def test_when_it_fails_by_itself_the_turn_runs_and_it_is_not_tried_again_at_once(world, talk, agent):
    agent.context_tokens = 2000
    agent.summary = AgentFailure(FailureKind.SERVER_ERROR, "The server is ill.")
    await _said(talk, agent, *(f"{name} {LONG}" for name in "abcd"))
    assert [turn.wants_summary for turn in agent.turns].count(True) == 1
    assert agent.turns[-1].left_out == 4
    assert await stored(_summaries) == []
