"""Runs are taken in order, their ends are stored once, and whatever fails ends in words and can be tried again."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
import pytest_asyncio
from django.db import DatabaseError

from sessions_app.agents.base import AgentFailure, FailureKind
from sessions_app.models import Entry, Run
from sessions_app.runtime import runner as runners
from sessions_app.runtime import streaming
from sessions_app.services._run_end import RunEnds
from sessions_app.services.conversations import conversation_create
from sessions_app.services.reset import reset_preview, session_reset
from sessions_app.services.runs import turn_finish
from sessions_app.services.turn_control import run_abort, turn_retry
from sessions_app.services.turns import turn_submit
from sessions_app.values import Role, RunState
from tests.runtime.talk import Talk, stored
from tests.runtime.verbs import Wrapper

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest_asyncio.fixture
async def talk(world, process):
    return await Talk(world, process).watching()


async def until(condition, seconds=20):
    """Wait for what no event tells."""
    async with asyncio.timeout(seconds):
        while not await stored(condition):  # noqa: ASYNC110 - rows send no events
            await asyncio.sleep(0.01)


async def test_an_answer_becomes_one_entry_and_is_told_as_final_after_it_is_stored(world, talk, agent):
    agent.say("Hel", "lo")
    agent.end()
    run_id = await talk.say()
    await talk.until_ended("final")
    run = await talk.run(run_id)
    assert (run.state, run.partial, run.answer_seq) == (RunState.DONE, "", 2)
    entry = await stored(lambda: Entry.objects.get(session=world.current, seq=2))
    assert (entry.text, entry.role, entry.data["state"], entry.data["model"]) == (
        "Hello",
        Role.ASSISTANT,
        "final",
        "script-1",
    )
    final = talk.inbox.frames[-1]["payload"]
    assert (final["text"], final["entrySeq"], final["runId"]) == ("Hello", 2, str(run_id))


async def test_waiting_messages_are_answered_in_order_and_each_sees_its_own_past(world, talk, agent):
    for n in range(3):
        await talk.say(f"question {n}")
    agent.answers("answer 0", "answer 1", "answer 2")
    await talk.until_ended("final", count=3)
    seen = [[message.text for message in turn.messages] for turn in agent.turns]
    assert seen == [
        ["question 0"],
        ["question 0", "answer 0", "question 1"],
        ["question 0", "answer 0", "question 1", "answer 1", "question 2"],
    ]


async def test_conversations_are_answered_side_by_side(world, process, talk, agent):
    other = await talk.do(conversation_create, title="Other")
    await talk.say()
    await talk.do(
        turn_submit, session_key=other["sessionKey"], session_id=UUID(other["sessionId"]), message="hello there"
    )
    await until(lambda: Run.objects.filter(state=RunState.RUNNING).count() == 2)
    agent.answers("one", "two")
    await until(lambda: Run.objects.filter(state=RunState.DONE).count() == 2)


async def test_stop_keeps_what_was_seen_and_closes_the_agent(world, talk, agent, monkeypatch):
    agent.say("half an ")
    run_id = await talk.say()
    await talk.until_streamed("half an ")
    agent.say("answer")
    await talk.until_streamed("half an answer")
    answer = await talk.do(run_abort, session_key=world.key, run_id=run_id)
    assert answer == {"aborted": True, "runId": str(run_id), "state": "aborted"}
    await talk.until_ended("aborted")
    entry = await stored(lambda: Entry.objects.get(run=run_id, role=Role.ASSISTANT))
    assert (entry.text, entry.data["state"]) == ("half an answer", "aborted")
    await until(lambda: agent.closed == 1)


async def test_after_a_stop_the_next_message_is_answered(world, talk, agent):
    first = await talk.say("first")
    await talk.say("second")
    agent.say("so far")
    await talk.until_streamed("so far")
    await talk.do(run_abort, session_key=world.key, run_id=first)
    await talk.until_ended("aborted")
    agent.answers("second answer")
    await talk.until_ended("final")
    assert (await stored(world.texts))[-1] == "second answer"
    states = [f["payload"]["state"] for f in talk.inbox.frames if f["payload"].get("runId") == str(first)]
    assert states[-1] == "aborted"  # nothing of it is told after its end


async def test_a_reset_that_stops_keeps_the_partial_in_the_old_session(world, talk, agent):
    old = await stored(lambda: world.current)
    agent.say("so far")
    await talk.say()
    await talk.until_streamed("so far")
    preview = await stored(lambda: reset_preview(world.ana, session_key=world.key))
    there = {"session_key": world.key, "session_id": old, "confirmation": preview["token"]}
    await talk.do(session_reset, **there, stop_run=True)
    assert await stored(lambda: world.texts(old)) == ["hello", "so far"]
    assert await stored(world.texts) == []


async def test_a_late_end_writes_nothing(world, talk, agent):
    agent.say("so far")
    run_id = await talk.say()
    await talk.until_streamed("so far")
    await talk.do(run_abort, session_key=world.key, run_id=run_id)
    late = await talk.do(turn_finish, run_id=run_id, state=RunState.DONE, text="so far and more")
    assert late == {"runId": str(run_id), "late": True, "entrySeq": None}
    assert await stored(world.texts) == ["hello", "so far"]


@pytest.mark.parametrize("kind", list(FailureKind))
async def test_every_kind_of_failure_ends_the_run_in_words_and_retry_works(world, talk, agent, kind):
    agent.say("half")
    agent.fail(AgentFailure(kind, f"It was {kind}. Do this."))
    run_id = await talk.say()
    await talk.until_ended("error")
    run = await talk.run(run_id)
    assert (run.state, run.error) == (RunState.FAILED, {"kind": str(kind), "message": f"It was {kind}. Do this."})
    assert talk.inbox.frames[-1]["payload"]["error"] == run.error
    current = await stored(lambda: world.current)
    await talk.do(turn_retry, session_key=world.key, session_id=current, run_id=run_id)
    agent.answers("better")
    await talk.until_ended("final")
    assert await stored(world.texts) == ["hello", "half", "better"]
    assert [message.text for message in agent.turns[1].messages] == ["hello"]


async def test_a_mistake_of_ours_ends_the_run_too_and_shows_an_id_only(world, talk, agent, caplog):
    agent.fail(ZeroDivisionError("secret"))
    run_id = await talk.say()
    await talk.until_ended("error")
    error = (await talk.run(run_id)).error
    assert error["kind"] == "internal"
    assert "secret" not in error["message"]
    assert error["message"].split()[-1].rstrip(".") in caplog.text


async def test_an_agent_nobody_configured_fails_with_the_section_to_add(world, process, talk):
    place = await talk.do(conversation_create, title="Other", agent="poet")
    sent = await talk.do(
        turn_submit, session_key=place["sessionKey"], session_id=UUID(place["sessionId"]), message="hi"
    )
    await until(lambda: Run.objects.get(pk=sent["runId"]).state == RunState.FAILED)
    run = await stored(lambda: Run.objects.get(pk=sent["runId"]))
    assert run.error is not None
    assert run.error["kind"] == "not_configured"
    assert "[agents.poet]" in run.error["message"]


async def test_an_end_the_disk_does_not_take_is_stored_when_it_does(world, process, talk, agent, monkeypatch):
    monkeypatch.setattr(runners, "RETRY_SECONDS", 0.01)
    agent.say("whole")
    run_id = await talk.say()
    await talk.until_streamed("whole")
    refused: list[int] = []
    real = Wrapper._commit

    def full(self):
        if len(refused) < 6:
            refused.append(1)
            raise DatabaseError("database or disk is full")
        real(self)

    monkeypatch.setattr(Wrapper, "_commit", full)
    agent.end()
    await talk.until_ended("final")
    assert len(refused) == 6
    assert (await talk.run(run_id)).state == RunState.DONE
    assert await stored(world.texts) == ["hello", "whole"]


async def test_an_answer_without_end_is_cut(world, talk, agent, monkeypatch, caplog):
    monkeypatch.setattr(streaming, "ANSWER_MAX_CHARS", 10)
    agent.say("12345678", "9012", "never")
    await talk.say()
    await talk.until_ended("final")
    assert await stored(world.texts) == ["hello", "123456789012"]
    assert "was cut" in caplog.text


async def test_an_end_that_can_never_be_stored_leaves_no_run_behind_that_runs_for_ever(
    world, talk, agent, monkeypatch, caplog
):
    real = RunEnds.add

    def refused(self, place, state, **words):
        if state == RunState.DONE:
            raise ValueError("this will not go in, whatever is tried")
        return real(self, place, state, **words)

    monkeypatch.setattr(RunEnds, "add", refused)
    agent.answers("whole")
    run_id = await talk.say()
    await talk.until_ended("interrupted")
    assert (await talk.run(run_id)).state == RunState.INTERRUPTED
    assert (await stored(world.texts))[-1] == "whole"
    assert "so it is interrupted" in caplog.text
    agent.fail(AgentFailure(FailureKind.EMPTY, "no"))
    await talk.say("the next one")
    await talk.until_ended("error")
