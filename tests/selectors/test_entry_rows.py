"""Entries read by short SQL say what those read by the ORM say, and the event log with them."""

from __future__ import annotations

import uuid

import pytest

from sessions_app.models import Conversation, Entry, Event
from sessions_app.selectors.entries import entries_json
from sessions_app.selectors.entry_rows import entries_at
from sessions_app.selectors.events import LogPlace, events_after, events_after_each
from sessions_app.selectors.wire import wire_time
from sessions_app.services.conversations import conversation_create
from sessions_app.services.turn_control import turn_retry
from sessions_app.services.turns import turn_submit
from sessions_app.values import RunState
from tests.support.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(world: World) -> World:
    """A session with an answer, a failure that was tried again, a queued question, and the marker of a reset."""
    world.talk("first\u2028line", "an answer 🙂")
    failed = world.say("second")
    world.claim()
    world.finish(failed["runId"], "", RunState.FAILED)
    world.do(turn_retry, session_key=world.key, session_id=world.current, run_id=uuid.UUID(failed["runId"]))
    world.claim()
    world.reset(stop_run=True)
    world.say("third")
    return world


def test_entries_are_the_same_by_either_way(told):
    entries = list(Entry.objects.order_by("session_id", "seq"))
    assert len(entries) > 4
    for entry in entries:
        assert entries_at(entry.session_id, [entry.seq]) == entries_json([entry])


def test_events_are_the_rows_of_the_log_in_order(told):
    stored = list(Event.objects.filter(conversation=told.conversation).order_by("number"))
    events = events_after(told.conversation.pk, 0, 500, session_key=told.key)
    assert [(e["eventSeq"], e["type"], e["createdAt"]) for e in events] == [
        (row.number, row.type, wire_time(row.created_at)) for row in stored
    ]
    for event, row in zip(events, stored, strict=True):
        assert event["payload"].items() >= {"sessionKey": told.key, **row.payload}.items()


def test_an_answer_is_told_with_its_text(told):
    events = events_after(told.conversation.pk, 0, 500, session_key=told.key)
    finals = [e["payload"] for e in events if e["type"] == "chat" and e["payload"]["state"] == "final"]
    assert [final["text"] for final in finals] == ["an answer 🙂"]


def test_a_limit_ends_the_rows(told):
    assert [e["eventSeq"] for e in events_after(told.conversation.pk, 2, 3, session_key=told.key)] == [3, 4, 5]


def test_two_queries_tell_of_one_message(world, django_assert_num_queries):
    before = world.conversation
    world.say("hello")
    with django_assert_num_queries(2):
        events_after(before.pk, before.last_event, 500, session_key=before.key)


@pytest.fixture
def places(told):
    """Places in the logs of two conversations."""
    key = told.do(conversation_create, agent="main", title="another")["sessionKey"]
    other = Conversation.objects.get(key=key)
    told.do(turn_submit, session_key=key, session_id=other.current_session_id, message="hello")
    return [LogPlace(told.conversation.pk, told.key, 2), LogPlace(other.pk, other.key, 0)]


def test_many_logs_are_told_as_each_alone(places, django_assert_num_queries):
    alone = [events_after(p.conversation_id, p.number, p.limit, session_key=p.session_key) for p in places]
    assert all(alone)
    with django_assert_num_queries(2):
        assert events_after_each(places) == alone


def test_each_log_has_its_own_limit_where_much_is_new(places):
    few = [place._replace(limit=1) for place in places]
    assert [[row["eventSeq"] for row in rows] for rows in events_after_each(few)] == [[3], [1]]
