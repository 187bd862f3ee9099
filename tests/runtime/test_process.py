"""Lives of a serving process: what the last one left open is tidied up, and what this one has is kept when it stops."""

from __future__ import annotations

import datetime
import uuid

import pytest
import pytest_asyncio
from django.utils import timezone

from sessions_app.errors import DrainingError
from sessions_app.models import Entry, Run, ServerInstance, Span
from sessions_app.runtime import process as processes
from sessions_app.runtime import writers
from sessions_app.runtime.process import process_started, process_stopped
from sessions_app.services.runs import partials_save, runs_claim
from sessions_app.values import SYSTEM, EndReason, RunState
from tests.runtime.talk import Talk, stored

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]
LONG_AGO = datetime.timedelta(hours=1)


@pytest_asyncio.fixture
async def talk(world, process):
    return await Talk(world, process).watching()


def other_instance(**life):
    now = timezone.now()
    return ServerInstance.objects.create(host="h", pid=1, **{"started_at": now - LONG_AGO, "heartbeat_at": now, **life})


def running(world, instance, partial="half an ans"):
    """A run that says it runs in an instance, with what it had said."""
    run_id = uuid.UUID(world.say("hello")["runId"])
    world.do(runs_claim, SYSTEM, instance_id=instance.pk, limit=1)
    world.do(partials_save, SYSTEM, partials={run_id: partial})
    return run_id


async def one_life(agent, drain_seconds=0.0):
    process = await process_started(agent.as_set())
    await process_stopped(process, reason=EndReason.SHUTDOWN, drain_seconds=drain_seconds)
    return process


async def test_a_run_whose_instance_died_is_interrupted_with_what_it_had_and_its_span_closed_once(world, agent):
    dead = await stored(lambda: other_instance(heartbeat_at=timezone.now() - LONG_AGO))
    run_id = await stored(lambda: running(world, dead))
    await one_life(agent)
    await one_life(agent)
    run = await stored(lambda: Run.objects.get(pk=run_id))
    assert (run.state, run.partial) == (RunState.INTERRUPTED, "")
    assert await stored(world.texts) == ["hello", "half an ans"]
    assert await stored(lambda: Entry.objects.get(run=run_id, seq=2).data["state"]) == "interrupted"
    span = await stored(lambda: Span.objects.get(session=world.current))
    assert (span.close_reason, span.instance_id) == (EndReason.CRASH, dead.pk)


@pytest.mark.skipif("os.environ.get('TEST_ENGINE') == 'postgres'", reason="others may be alive there")
async def test_a_clock_that_was_set_back_does_not_keep_the_dead_alive(world, agent):
    dead = await stored(lambda: other_instance(heartbeat_at=timezone.now() + LONG_AGO))
    run_id = await stored(lambda: running(world, dead))
    await one_life(agent)
    assert (await stored(lambda: Run.objects.get(pk=run_id))).state == RunState.INTERRUPTED
    assert (await stored(lambda: Span.objects.get(session=world.current))).close_reason == EndReason.CRASH


async def test_what_a_dead_instance_never_said_is_no_entry(world, agent):
    dead = await stored(lambda: other_instance(heartbeat_at=timezone.now() - LONG_AGO))
    run_id = await stored(lambda: running(world, dead, partial=""))
    await one_life(agent)
    assert (await stored(lambda: Run.objects.get(pk=run_id))).state == RunState.INTERRUPTED
    assert await stored(world.texts) == ["hello"]


@pytest.mark.skipif("os.environ.get('TEST_ENGINE') != 'postgres'", reason="on SQLite one process serves a place")
async def test_recovery_touches_only_dead_owners(world, agent):
    alive = await stored(other_instance)
    run_id = await stored(lambda: running(world, alive))
    await one_life(agent)
    assert (await stored(lambda: Run.objects.get(pk=run_id))).state == RunState.RUNNING
    assert (await stored(lambda: Span.objects.get(session=world.current))).closed_at is None


async def test_a_run_that_still_waited_is_not_interrupted_but_answered(world, agent):
    run_id = uuid.UUID((await stored(lambda: world.say("waiting")))["runId"])
    agent.answers("at last")
    await one_life(agent, drain_seconds=0)
    process = await process_started(agent.as_set())
    talk = Talk(world, process)
    await talk.watching()
    talk.process.hub.watch(talk.inbox, (await stored(lambda: world.conversation)).pk, world.key, 0)
    await talk.until_ended("final")
    await process_stopped(process, reason=EndReason.SHUTDOWN, drain_seconds=0)
    assert (await stored(lambda: Run.objects.get(pk=run_id))).state == RunState.DONE


async def test_a_stop_without_patience_interrupts_and_keeps_the_text(world, agent):
    process = await process_started(agent.as_set())
    talk = await Talk(world, process).watching()
    agent.say("half an ans")
    run_id = await talk.say()
    await talk.until_streamed("half an ans")
    agent.say("wer")
    await talk.until_streamed("half an answer")
    await process_stopped(process, reason=EndReason.SHUTDOWN, drain_seconds=0)
    assert (await talk.run(run_id)).state == RunState.INTERRUPTED
    assert await stored(world.texts) == ["hello", "half an answer"]
    assert agent.closed == 1
    span = await stored(lambda: Span.objects.get(session=world.current))
    assert (span.close_reason, span.close_seq) == (EndReason.SHUTDOWN, 2)
    assert (await stored(lambda: ServerInstance.objects.get(pk=process.instance_id))).stopped_at is not None


async def test_a_stop_with_patience_lets_an_answer_finish_and_takes_no_other(world, agent):
    process = await process_started(agent.as_set())
    talk = await Talk(world, process).watching()
    first, second = await talk.say("first"), await talk.say("second")
    agent.say("the ")
    await talk.until_streamed("the ")
    agent.say("end")
    agent.end()
    await process_stopped(process, reason=EndReason.SHUTDOWN, drain_seconds=20)
    assert (await talk.run(first)).state == RunState.DONE
    assert (await talk.run(second)).state == RunState.QUEUED
    assert await stored(world.texts) == ["first", "second", "the end"]


async def test_a_stopped_process_refuses_as_draining(world, agent):
    process = await one_life(agent)
    with pytest.raises(DrainingError):
        process.refuse_when_draining()
    with pytest.raises(DrainingError):
        await Talk(world, process).say()


async def test_a_process_is_found_while_it_is_installed_only(process):
    assert processes.current() is process
    assert writers.current() is process.writer
    with processes.installed(process):
        pass
    assert processes.current() is process


async def test_without_a_process_the_words_say_what_to_do(world):
    with pytest.raises(RuntimeError, match=r"manage\.py serve"):
        processes.current()
