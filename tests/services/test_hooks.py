"""Deliveries as rows: planned once, settled once, sent again by whoever may; and outbox rows that live and die with their change."""

from __future__ import annotations

import datetime
import threading
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from sessions_app.errors import (
    ForbiddenError,
    InvalidParamsError,
    NotFoundError,
    RequestConflictError,
    SessionMovedError,
)
from sessions_app.models import HookCursor, HookDelivery, HookEvent, Session, Span
from sessions_app.selectors.hooks import deliveries_due, delivery_next, hook_delivery_list, hook_status
from sessions_app.services.hooks import deliveries_plan, delivery_settle, hook_redeliver
from sessions_app.services.idle import spans_idle_close
from sessions_app.services.reset import session_reset
from sessions_app.services.restore import archive_restore
from sessions_app.services.runs import runs_claim
from sessions_app.values import SYSTEM, DeliveryState, HookType
from tests.services.cases import instance_made
from tests.support.rows import added, audits, counts, everything
from tests.support.world import command

ALL = [str(kind) for kind in HookType]
LONG_AGO = datetime.timedelta(hours=1)


@pytest.fixture
def plan(act):
    """Makes deliveries for subscribers by name; without types, of all."""
    return lambda **subscribers: act(
        deliveries_plan, SYSTEM, subscribers={name: types or ALL for name, types in subscribers.items()}
    )


@pytest.fixture
def settle(act):
    def settled(delivery, state, attempt=1, **more):
        return act(delivery_settle, SYSTEM, delivery_id=delivery.pk, state=state, attempt=attempt, **more)["settled"]

    return settled


def events():
    return list(HookEvent.objects.order_by("number"))


def first():
    return HookDelivery.objects.order_by("pk").first()


# ---------------------------------------------------------------- the outbox


def test_every_span_starts_once_and_ends_once_over_reset_and_restore(world, act):
    world.talk()
    moved = world.reset()
    world.talk()
    back = {"session_key": world.key, "session_id": Session.objects.get(pk=moved["oldSessionId"]).pk}
    act(archive_restore, world.ana, **back, expected_current_session_id=world.current)
    world.talk()
    told = [(e.type, e.payload.get("reason")) for e in events() if e.type.startswith("session")]
    assert told == [
        ("session_start", "new"),
        ("session_end", "reset"),
        ("session_start", "reset"),
        ("session_end", "restore"),
        ("session_start", "restore"),
    ]
    for span in Span.objects.all():
        ends = [e for e in events() if e.span_id == span.pk and e.type == "session_end"]
        assert len(ends) == (span.closed_at is not None)


def test_an_end_says_what_subscribers_need(world, act):
    world.talk()
    moved = world.reset()
    (end,) = [e for e in events() if e.type == "session_end"]
    assert set(end.payload) == {
        "eventId", "type", "sessionKey", "sessionId", "at", "reason", "nextSessionId", "entries", "startedAt", "durationMs",
        "serverInstance", "inferred",
    }  # fmt: skip
    assert (end.payload["eventId"], end.payload["type"]) == (str(end.event_id), "session_end")
    assert (end.payload["sessionId"], end.payload["nextSessionId"]) == (moved["oldSessionId"], moved["newSessionId"])
    assert (end.payload["entries"], end.payload["inferred"]) == (2, False)


def test_a_verb_that_is_refused_leaves_no_hook(world, perform):
    world.talk()
    before = everything()
    stale = {"session_key": world.key, "session_id": uuid4(), "confirmation": "x"}
    with pytest.raises(SessionMovedError):
        perform(command(session_reset, world.ana, **stale))
    assert everything() == before


def test_a_hook_that_cannot_be_written_takes_its_change_with_it(world, perform):
    world.talk()
    span = Span.objects.get(closed_at=None)
    taken = events()[0]
    HookEvent.objects.create(
        type="session_end",
        session_id=span.session_id,
        span=span,
        session_key="x",
        payload={},
        created_at=taken.created_at,
    )
    current, before = world.current, everything()
    with pytest.raises(Exception, match="contradicts"):
        world.reset()
    assert world.current == current
    assert everything() == before


# ---------------------------------------------------------------- planning


def test_a_new_subscriber_begins_at_the_head(world, plan):
    world.talk()
    assert plan(web=None) == {"planned": 0, "more": False}
    world.talk()
    assert plan(web=None)["planned"] == 1
    assert HookDelivery.objects.get().event.type == "run_end"


def test_an_event_is_planned_once_for_each_who_wants_it(world, plan):
    plan(all=None, ends=["session_end"])
    world.talk()
    world.reset()
    assert plan(all=None, ends=["session_end"])["planned"] == 5
    assert plan(all=None, ends=["session_end"]) == {"planned": 0, "more": False}
    assert HookDelivery.objects.filter(subscriber="all").count() == 4
    assert [d.event.type for d in HookDelivery.objects.filter(subscriber="ends")] == ["session_end"]
    assert set(HookCursor.objects.values_list("number", flat=True)) == {events()[-1].number}


def test_one_that_is_left_out_goes_on_where_it_was(world, plan):
    plan(web=None)
    world.talk()
    plan(other=None)
    assert plan(web=None, other=None)["planned"] == 2


# ---------------------------------------------------------------- order


def test_only_the_first_of_a_session_is_due_and_only_at_its_time(world, plan, settle):
    plan(web=None)
    world.talk()
    plan(web=None)
    (due,) = deliveries_due("web", limit=10)
    start, end = events()
    assert (due.event_id, due.type, due.attempts, due.payload) == (start.event_id, "session_start", 0, start.payload)
    assert delivery_next("web", world.current).event_id == start.event_id
    assert settle(first(), DeliveryState.PENDING, next_at=timezone.now() + LONG_AGO, error="no")
    assert deliveries_due("web", limit=10) == []
    assert delivery_next("web", world.current) is None
    assert settle(first(), DeliveryState.DEAD, 2)
    assert [d.event_id for d in deliveries_due("web", limit=10)] == [end.event_id]
    assert deliveries_due("other", limit=10) == []


def test_an_attempt_counts_once(world, plan, settle):
    plan(web=None)
    world.talk()
    plan(web=None)
    assert settle(first(), DeliveryState.DELIVERED)
    assert not settle(first(), DeliveryState.DEAD, 1)
    assert not settle(first(), DeliveryState.DEAD, 2)
    row = first()
    assert (row.state, row.attempts, row.last_error) == ("delivered", 1, "")
    assert row.delivered_at is not None


def test_words_of_a_failure_are_stored_on_both_engines(world, plan, settle):
    plan(web=None)
    world.talk()
    plan(web=None)
    settle(first(), DeliveryState.DEAD, error="\x00\ud800" + "x" * 1000)
    assert first().last_error == "?" + "x" * 499


# ---------------------------------------------------------------- again


@pytest.fixture
def dead(world, plan, settle):
    """A delivery that was given up, and one that waits."""
    plan(web=None)
    world.talk()
    plan(web=None)
    settle(first(), DeliveryState.DEAD, error="no")
    return first()


def test_a_delivery_is_sent_again_and_it_is_audited(world, act, dead):
    before, stored = counts(), audits()
    assert act(hook_redeliver, world.admin, delivery_id=dead.pk) == {"redelivered": 1}
    row = first()
    assert (row.state, row.attempts, row.event_id) == ("pending", 0, dead.event_id)
    assert added(before) == {"AuditEvent": 1, "Receipt": 1}
    (audit,) = audits()[len(stored) :]
    assert (audit["type"], audit["outcome"], audit["actor"], audit["sessionKey"]) == (
        "hook.redelivered",
        "ok",
        "admin",
        world.key,
    )
    about = {"deliveryId": dead.pk, "subscriber": "web", "eventId": str(dead.event.event_id), "was": "dead"}
    assert audit["data"] == about


def test_all_dead_ones_are_sent_again(world, act, dead):
    assert act(hook_redeliver, world.admin, dead=True, subscriber="other") == {"redelivered": 0}
    assert act(hook_redeliver, world.admin, dead=True) == {"redelivered": 1}
    assert act(hook_redeliver, world.admin, dead=True) == {"redelivered": 0}
    assert [a["data"] for a in audits(type="hook.redelivered")] == [{"dead": 1, "subscriber": ""}]


@pytest.mark.parametrize("who", ["ana", "operator", "auditor"])
def test_who_does_not_manage_sends_nothing_again(world, act, dead, who):
    before = everything()
    with pytest.raises(ForbiddenError):
        act(hook_redeliver, getattr(world, who), delivery_id=dead.pk)
    assert everything() == before
    assert audits()[-1]["outcome"] == "refused"


@pytest.mark.parametrize("params", [{}, {"delivery_id": 1, "dead": True}])
def test_one_or_all_dead_ones_must_be_named(world, act, dead, params):
    with pytest.raises(InvalidParamsError):
        act(hook_redeliver, world.admin, **params)


def test_one_that_is_not_there_is_said_so(world, act, dead):
    with pytest.raises(NotFoundError):
        act(hook_redeliver, world.admin, delivery_id=10**9)


def test_a_repeat_gets_the_first_answer_and_another_content_is_a_conflict(world, act, dead, settle):
    act(hook_redeliver, world.admin, "r1", delivery_id=dead.pk)
    settle(first(), DeliveryState.DELIVERED)
    assert act(hook_redeliver, world.admin, "r1", delivery_id=dead.pk) == {"redelivered": 1}
    assert first().state == "delivered"
    with pytest.raises(RequestConflictError):
        act(hook_redeliver, world.admin, "r1", dead=True)


@pytest.mark.django_db(transaction=True)
def test_the_deliverer_is_woken_after_the_commit(world, writer, heard):
    world.talk()
    world.do(deliveries_plan, SYSTEM, subscribers={"web": ALL})
    world.talk()
    world.do(deliveries_plan, SYSTEM, subscribers={"web": ALL})
    writer.call(command(hook_redeliver, world.admin, delivery_id=first().pk))
    assert [effects.wake_hooks for effects in heard.effects] == [True]
    assert heard.in_transaction == [False]


# ---------------------------------------------------------------- what people see


def test_the_list_is_newest_first_and_filtered_and_paged(world, act, dead):
    page = hook_delivery_list(world.operator, limit=1)
    (newest,) = page["deliveries"]
    assert set(newest) == {
        "deliveryId", "eventId", "type", "sessionKey", "sessionId", "subscriber", "state", "attempts", "nextAt", "lastError",
        "createdAt", "deliveredAt",
    }  # fmt: skip
    assert (newest["type"], newest["state"]) == ("run_end", "pending")
    (older,) = hook_delivery_list(world.operator, limit=1, cursor=page["nextCursor"])["deliveries"]
    assert (older["deliveryId"], older["state"], older["lastError"], older["nextAt"]) == (dead.pk, "dead", "no", None)
    assert hook_delivery_list(world.admin, state="dead")["deliveries"] == [older]
    assert hook_delivery_list(world.admin, subscriber="other")["deliveries"] == []
    with pytest.raises(InvalidParamsError):
        hook_delivery_list(world.admin, state="lost")


def test_the_status_counts_by_subscriber(world, plan, dead):
    plan(idle=None)
    row = {"subscriber": "web", "pending": 1, "retrying": 0, "dead": 1}
    idle, web = hook_status(world.auditor)["subscribers"]
    assert idle == {"subscriber": "idle", "pending": 0, "retrying": 0, "dead": 0, "oldestPendingAt": None}
    assert {name: web[name] for name in row} == row
    assert web["oldestPendingAt"].endswith("Z")


@pytest.mark.django_db
@pytest.mark.parametrize("read", [hook_delivery_list, hook_status])
def test_whoever_may_not_view_all_sees_no_deliveries(world, read):
    with pytest.raises(ForbiddenError):
        read(world.ana)


# ---------------------------------------------------------------- idle


def test_only_a_span_without_a_turn_for_so_long_is_closed(world, act):
    instance = instance_made()
    world.say()
    world.do(runs_claim, SYSTEM, instance_id=instance, limit=1)
    Span.objects.update(opened_at=timezone.now() - LONG_AGO)
    Session.objects.update(last_entry_at=timezone.now() - LONG_AGO)
    idle = {"instance_id": instance, "idle_seconds": 60}
    assert act(spans_idle_close, SYSTEM, **idle) == {"spansClosed": 0}  # its turn still runs
    world.finish(str(world.session.runs.get().pk))
    assert act(spans_idle_close, SYSTEM, **idle) == {"spansClosed": 0}  # and has just ended
    Session.objects.update(last_entry_at=timezone.now() - LONG_AGO)
    assert act(spans_idle_close, SYSTEM, instance_id=instance_made(), idle_seconds=60) == {"spansClosed": 0}
    current = world.current
    assert act(spans_idle_close, SYSTEM, **idle) == {"spansClosed": 1}
    assert act(spans_idle_close, SYSTEM, **idle) == {"spansClosed": 0}
    assert world.current == current
    assert [e.payload["reason"] for e in events() if e.type == "session_end"] == ["idle"]


@pytest.mark.skipif("os.environ.get('TEST_ENGINE') != 'postgres'", reason="on SQLite numbers are committed in order")
@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_committed_late_is_not_passed_over(world):
    world.talk()
    world.do(deliveries_plan, SYSTEM, subscribers={"web": ALL})
    written, go = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic():
            HookEvent.objects.create(
                type="run_end", session=world.session, session_key=world.key, payload={}, created_at=timezone.now()
            )
            written.set()
            go.wait(10)
        connection.close()

    def planning():
        planned.append(world.do(deliveries_plan, SYSTEM, subscribers={"web": ALL})["planned"])
        connection.close()

    planned: list[int] = []
    slowly = threading.Thread(target=slow)
    slowly.start()
    written.wait(10)
    world.talk()  # takes a later number, and is committed first
    plans = threading.Thread(target=planning)
    plans.start()
    plans.join(0.5)
    assert planned == []  # it waits
    go.set()
    slowly.join(10)
    plans.join(10)
    assert planned == [2]
