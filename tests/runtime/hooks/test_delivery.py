"""From the outbox to subscribers: in order, at least once with one id, and never in anybody's way."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from sessions_app.models import Conversation, HookCursor, HookDelivery, HookEvent
from sessions_app.runtime.hooks import lane
from sessions_app.runtime.hooks.config import CommandSettings, HooksConfig, WebhookSettings
from sessions_app.runtime.metrics import REGISTRY
from sessions_app.runtime.process import process_started, process_stopped
from sessions_app.runtime.status import metrics_text
from sessions_app.selectors.hooks import deliveries_due
from sessions_app.services.conversations import conversation_create
from sessions_app.services.hooks import hook_redeliver
from sessions_app.services.runs import runs_claim
from sessions_app.services.turns import turn_submit
from sessions_app.values import SYSTEM, EndReason
from tests.runtime.talk import stored
from tests.support.processes import is_gone
from tests.support.receiver import Receiver
from tests.support.world import command

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick")]
ALL = ["session_start", "session_end", "before_reset", "run_end"]


def web(receiver, **more):
    return WebhookSettings(
        **{"kind": "webhook", "url": receiver.url, "secret_env": "HOOK_SECRET", "events": ALL, **more}
    )


@contextlib.asynccontextmanager
async def serving(agent, subscribers, **more):
    process = await process_started(agent.as_set(), HooksConfig(subscribers, **more))
    try:
        yield process
    finally:
        await process_stopped(process, reason=EndReason.SHUTDOWN, drain_seconds=0)


async def until(condition, seconds=60):
    async with asyncio.timeout(seconds):
        while not await stored(condition):  # noqa: ASYNC110 - a row announces nothing
            await asyncio.sleep(0.02)


def states():
    return list(HookDelivery.objects.order_by("pk").values_list("state", "attempts"))


def outbox(**wanted):
    return [str(pk) for pk in HookEvent.objects.filter(**wanted).order_by("number").values_list("event_id", flat=True)]


def talk_in(world, key):
    session_id = Conversation.objects.get(key=key).current_session_id
    sent = world.do(turn_submit, session_key=key, session_id=session_id, message="hello")
    world.claim()
    world.finish(sent["runId"])


async def happened(process, change):
    """Something happens past the server's own writer; its deliverer is woken as by a publish."""
    made = await stored(change)
    process.deliverer.wake()
    return made


async def test_a_subscriber_is_told_of_everything_it_wants_in_order(world, agent, receiver):
    async with serving(agent, {"web": web(receiver)}) as process:
        for _ in range(3):
            await happened(process, world.talk)
            await happened(process, world.reset)
        await until(lambda: receiver.got and len(receiver.got) == HookEvent.objects.count())
    told = receiver.told()
    assert all(got.is_signed for got in receiver.got)
    assert [got.headers["x-holdfast-delivery"] for got in receiver.got] == [payload["eventId"] for payload in told]
    by_session: dict[str, list[str]] = {}
    for payload in told:
        by_session.setdefault(payload["sessionId"], []).append(payload["type"])
    assert list(by_session.values()) == [["session_start", "run_end", "before_reset", "session_end"]] * 3
    assert sorted(payload["eventId"] for payload in told) == sorted(await stored(outbox))


async def test_only_the_wanted_types_are_delivered(world, agent, receiver):
    async with serving(agent, {"web": web(receiver, events=["session_end"])}) as process:
        await happened(process, world.talk)
        await happened(process, world.reset)
        await until(lambda: len(receiver.got) == 1)
    assert [payload["type"] for payload in receiver.told()] == ["session_end"]
    assert await stored(states) == [("delivered", 1)]


async def test_a_verb_of_the_server_wakes_the_delivery(world, agent, receiver, monkeypatch):
    monkeypatch.setattr("sessions_app.runtime.hooks.deliverer.POLL_SECONDS", 600)
    async with serving(agent, {"web": web(receiver)}) as process:
        await asyncio.sleep(0.2)
        await stored(world.say)
        await process.writer.send(command(runs_claim, SYSTEM, instance_id=process.instance_id, limit=1))
        await until(lambda: len(receiver.got) == 1)


async def test_a_failure_is_tried_again_with_the_same_id_and_before_what_came_later(world, agent, receiver):
    receiver.answer = lambda _: 204 if len(receiver.got) > 2 else 503
    async with serving(agent, {"web": web(receiver)}) as process:
        await happened(process, world.talk)
        await until(lambda: len(receiver.got) == 4)
        await until(lambda: HookDelivery.objects.filter(state="delivered").count() == 2)
    first, second = await stored(outbox)
    assert [payload["eventId"] for payload in receiver.told()] == [first, first, first, second]
    assert await stored(states) == [("delivered", 3), ("delivered", 1)]


async def test_one_that_is_given_up_lets_later_ones_go_and_can_be_sent_again(world, agent, receiver):
    receiver.answer = lambda got: 500 if got.payload["type"] == "session_start" else 204
    async with serving(agent, {"web": web(receiver, max_attempts=3)}) as process:
        await happened(process, world.talk)
        await until(lambda: [state for state, _ in states()] == ["dead", "delivered"])
        dead = await stored(lambda: HookDelivery.objects.get(state="dead"))
        assert (dead.attempts, dead.last_error) == (3, "127.0.0.1 answered 500")
        receiver.answer = lambda _: 204
        await process.writer.send(command(hook_redeliver, world.admin, delivery_id=dead.pk))
        await until(lambda: [state for state, _ in states()] == ["delivered", "delivered"])
    first, second = await stored(outbox)
    assert [payload["eventId"] for payload in receiver.told()] == [first] * 3 + [second, first]


async def test_a_session_that_fails_does_not_hold_up_others(world, agent, receiver):
    other = (await stored(lambda: world.do(conversation_create, title="Other")))["sessionKey"]
    receiver.answer = lambda got: 500 if got.payload["sessionKey"] == world.key else 204
    async with serving(agent, {"web": web(receiver)}) as process:
        await happened(process, world.talk)
        await happened(process, lambda: talk_in(world, other))
        await until(lambda: HookDelivery.objects.filter(state="delivered").count() == 2)
    assert {payload["sessionKey"] for payload in receiver.told("run_end")} == {other}


async def test_sessions_go_four_at_once_and_each_alone(world, agent, receiver):
    receiver.answer = receiver.freeze
    made = await stored(lambda: [world.do(conversation_create, title=f"c {number}") for number in range(6)])
    keys = [each["sessionKey"] for each in made]
    async with serving(agent, {"web": web(receiver)}) as process:
        await happened(process, lambda: [talk_in(world, key) for key in keys])
        await until(lambda: len(receiver.got) == lane.SESSIONS_AT_ONCE)
        await asyncio.sleep(0.3)
        assert len(receiver.got) == lane.SESSIONS_AT_ONCE
        assert len({payload["sessionId"] for payload in receiver.told()}) == lane.SESSIONS_AT_ONCE
        receiver.released.set()
        await until(lambda: len(receiver.got) == 12)
        await until(lambda: HookDelivery.objects.filter(state="delivered").count() == 12)


async def test_a_frozen_subscriber_delays_no_other_and_no_verb_and_the_exit_only_by_the_bound(
    world, agent, receiver, settings
):
    settings.HOOK_DRAIN_SECONDS = 0.5
    receiver.answer = receiver.freeze
    with Receiver() as quick:
        async with serving(agent, {"frozen": web(receiver), "quick": web(quick)}) as process:
            await happened(process, world.talk)
            await until(lambda: receiver.got and len(quick.got) == 2)
            await process.writer.send(command(conversation_create, world.ana, title="Meanwhile"))
        assert not receiver.released.is_set(), "the exit did not wait for it"
    receiver.released.set()
    receiver.answer = lambda _: 204
    left = await stored(lambda: HookDelivery.objects.filter(state="pending").count())
    assert left == 2
    async with serving(agent, {"frozen": web(receiver)}):
        await until(lambda: not HookDelivery.objects.filter(state="pending").exists())
    assert await stored(lambda: {payload["eventId"] for payload in receiver.told()} == set(outbox()))


async def test_a_frozen_program_is_killed_at_the_exit(world, agent, tmp_path, settings):
    settings.HOOK_DRAIN_SECONDS = 0.3
    run = CommandSettings(kind="command", argv=["sh", "-c", "echo $$ > pid; sleep 60"])
    async with serving(agent, {"run": run}, directory=tmp_path) as process:
        await happened(process, world.talk)
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    assert is_gone(int((tmp_path / "pid").read_text()))


async def test_the_ends_written_at_the_stop_are_delivered_before_it_ends(world, agent, receiver):
    async with serving(agent, {"web": web(receiver)}) as process:
        sent = await stored(world.say)
        await process.writer.send(command(runs_claim, SYSTEM, instance_id=process.instance_id, limit=1))
        await stored(lambda: world.finish(sent["runId"]))
    (end,) = receiver.told("session_end")
    assert (end["reason"], end["inferred"], end["serverInstance"]) == ("shutdown", False, str(process.instance_id))
    assert {state for state, _ in await stored(states)} == {"delivered"}


async def test_a_new_subscriber_begins_at_the_head(world, agent, receiver):
    await stored(world.talk)
    async with serving(agent, {"web": web(receiver)}) as process:
        await happened(process, world.talk)
        await until(lambda: len(receiver.got) == 2)
    assert [payload["eventId"] for payload in receiver.told()] == (await stored(outbox))[-2:]
    assert receiver.told()[0]["reason"] == "resume"


async def test_what_happens_while_a_subscriber_is_disabled_is_kept_for_later(world, agent, receiver):
    async with serving(agent, {"web": web(receiver)}):
        pass
    async with serving(agent, {"web": web(receiver, enabled=False)}) as process:
        await happened(process, world.talk)
        await asyncio.sleep(0.3)
    assert receiver.got == []
    assert await stored(HookDelivery.objects.count) == 0
    async with serving(agent, {"web": web(receiver)}):
        await until(lambda: len(receiver.got) == 3)  # the start, the answer, and the end that recovery found


async def test_a_subscriber_that_was_never_enabled_has_no_place(world, agent, receiver):
    async with serving(agent, {"web": web(receiver, enabled=False)}) as process:
        await happened(process, world.talk)
    assert await stored(HookCursor.objects.count) == 0
    assert receiver.got == []


async def test_a_long_queue_is_planned_in_portions(world, agent, receiver, monkeypatch):
    monkeypatch.setattr("sessions_app.services.hooks.PLAN_MAX_EVENTS", 3)
    async with serving(agent, {"web": web(receiver)}) as process:
        await happened(process, lambda: [world.talk() for _ in range(6)])
        await until(lambda: len(receiver.got) == 7)
    assert [payload["eventId"] for payload in receiver.told()] == await stored(outbox)


async def test_pauses_grow_to_five_minutes_and_never_pass_them(monkeypatch):
    monkeypatch.setattr(lane, "BACKOFF_FIRST_SECONDS", 1.0)
    for attempt, least in enumerate([1, 4, 16, 64, 250, 300, 300], start=1):
        pauses = [lane.backoff_seconds(attempt) for _ in range(50)]
        assert least <= min(pauses) <= max(pauses) <= min(least * 1.23, 300)
        assert len(set(pauses)) > 1 or least == 300


OUTCOMES = ("delivered", "failed", "dead")


def attempts_counted():
    name = "holdfast_hook_attempts_total"
    return {each: REGISTRY.get_sample_value(name, {"subscriber": "web", "outcome": each}) or 0.0 for each in OUTCOMES}


async def test_attempts_and_what_waits_are_counted(world, agent, receiver):
    before = await stored(attempts_counted)
    statuses = [500, 200, 500, 500]
    receiver.answer = lambda _: statuses.pop(0)
    async with serving(agent, {"web": web(receiver, events=["session_start"], max_attempts=2)}) as process:
        await happened(process, world.talk)
        await until(lambda: states() == [("delivered", 2)])
        await happened(process, world.reset)
        await happened(process, world.talk)
        await until(lambda: ("dead", 2) in states())
    after = await stored(attempts_counted)
    assert [after[name] - before[name] for name in OUTCOMES] == [1, 2, 1]
    told = (await stored(lambda: metrics_text(world.admin))).decode()
    assert 'holdfast_hook_dead{subscriber="web"} 1.0' in told
    assert 'holdfast_hook_pending{subscriber="web"} 0.0' in told


async def test_what_was_read_while_its_delivery_ended_is_not_sent_again(world, agent, receiver, monkeypatch):
    receiver.answer = receiver.freeze
    async with serving(agent, {"web": web(receiver, events=["session_start"])}) as process:
        (way,) = process.deliverer._lanes
        read, is_read, may_go_on = way._readers.read, asyncio.Event(), asyncio.Event()

        async def late(selector, *args, **kwargs):
            found = await read(selector, *args, **kwargs)
            if selector is deliveries_due and found:
                is_read.set()
                await may_go_on.wait()
            return found

        await happened(process, world.talk)
        await until(lambda: len(receiver.got) == 1)
        monkeypatch.setattr(way._readers, "read", late)
        way.wake()
        async with asyncio.timeout(60):
            await is_read.wait()
            receiver.released.set()
            while way._tasks:  # noqa: ASYNC110 - its end wakes the lane, which waits for us
                await asyncio.sleep(0.01)
        assert await stored(states) == [("delivered", 1)]
        may_go_on.set()
        await happened(process, world.reset)
        await happened(process, world.talk)
        await until(lambda: states() == [("delivered", 1)] * 2)
    ids = [got.headers["x-holdfast-delivery"] for got in receiver.got]
    assert len(ids) == len(set(ids)) == 2
