"""Where did my chat go: what a person remembers leads to the session, what happened to it, and the way back."""

from __future__ import annotations

import datetime
import uuid

import pytest
from django.utils import timezone

from sessions_app.models import Session
from sessions_app.selectors.search_backlog import backlog
from sessions_app.selectors.where import where
from sessions_app.services.branches import position_branch
from sessions_app.services.instances import instance_start, runs_interrupt, spans_recover
from sessions_app.services.restore import archive_restore
from sessions_app.services.runs import runs_claim
from sessions_app.services.search import search_extend
from sessions_app.values import SYSTEM, Json
from tests.support.rows import queries
from tests.support.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def lost(world: World) -> World:
    """Ana talked about the harbour, a crash cut off an answer, and somebody reset the session."""
    world.talk("the harbour lights")
    world.say("and the ferry")
    first = instance(world)
    claimed = world.do(runs_claim, SYSTEM, instance_id=first, limit=1)["runs"]
    world.do(runs_interrupt, SYSTEM, run_ids=[claimed[0]["runId"]])
    second = instance(world)
    world.do(spans_recover, SYSTEM, instance_id=second, alive_since=timezone.now() + datetime.timedelta(hours=1))
    world.reset(world.operator, reason="spring cleaning")
    world.do(search_extend, SYSTEM, backlog=backlog())
    return world


def instance(world: World) -> object:
    made = uuid.uuid4()
    world.do(instance_start, SYSTEM, instance_id=made, host="here", pid=1)
    return made


def old(world: World) -> Session:
    return Session.objects.filter(conversation__key=world.key, ended_at__isnull=False).get()


def told(place: Json) -> list[str]:
    return [moment["type"] for moment in place["history"]]


@pytest.mark.parametrize("read_as", ["id", "phrase", "key", "time"])
def test_whatever_is_remembered_leads_to_the_session_and_its_restore(lost: World, read_as: str) -> None:
    remembered = {
        "id": str(old(lost).pk)[:6],
        "phrase": "harbour lig*",
        "key": lost.key,
        "time": timezone.now().astimezone(datetime.UTC).date().isoformat(),
    }
    answer = where(lost.ana, query=remembered[read_as])
    assert answer["readAs"] == read_as
    place = next(place for place in answer["places"] if place["sessionId"] == str(old(lost).pk))
    assert (place["isCurrent"], place["end"], place["mayRestore"]) == (False, "restore", True)
    assert place["currentSessionId"] == str(lost.current)
    assert place["seq"] == (1 if read_as == "phrase" else None)


def test_the_history_joins_moves_crashes_and_cut_turns_in_order(lost: World) -> None:
    (place,) = where(lost.ana, query=str(old(lost).pk))["places"]
    assert told(place) == ["began", "last", "interrupted", "crash", "session.reset"]
    reset = next(moment for moment in place["history"] if moment["type"] == "session.reset")
    assert (reset["actor"], reset["reason"], reset["otherSessionId"]) == ("olga", "spring cleaning", str(lost.current))
    assert all(moment["words"].endswith(".") for moment in place["history"])


def test_a_restored_session_says_so_and_is_opened(lost: World) -> None:
    back = old(lost).pk
    lost.do(archive_restore, session_key=lost.key, session_id=back, expected_current_session_id=lost.current)
    (place,) = where(lost.ana, query=str(back))["places"]
    assert (place["isCurrent"], place["end"], place["mayRestore"]) == (True, "open", False)
    assert "session.restored" in told(place)


def test_a_branch_names_where_it_came_from(lost: World) -> None:
    made = lost.do(position_branch, session_key=lost.key, session_id=old(lost).pk, seq=1, title="Ferry")
    (place,) = where(lost.ana, query=made["sessionId"])["places"]
    assert place["history"][0]["otherSessionId"] == str(old(lost).pk)


def test_a_title_leads_to_its_conversation(lost: World) -> None:
    assert [place["sessionKey"] for place in where(lost.ana, query="release plan")["places"]] == [lost.key] * 2


def test_others_are_told_nothing_and_operators_all(lost: World) -> None:
    for query in (str(old(lost).pk), lost.key, "harbour", timezone.now().date().isoformat()):
        assert where(lost.bob, query=query)["places"] == []
        assert where(lost.operator, query=query)["places"] != []
    (place,) = where(lost.auditor, query=str(old(lost).pk))["places"]
    assert place["mayRestore"] is False


@pytest.mark.parametrize(
    "query", ["", " ", "0", "decade", "\x00", "\ud800", "%", "25:61", "9999-12-31", "0001-01-01 00:00", "x" * 9000]
)
def test_nothing_a_person_types_is_a_mistake(lost: World, query: str) -> None:
    assert where(lost.ana, query=query)["places"] == []


def test_each_session_costs_a_bounded_number_of_queries(lost: World) -> None:
    with queries() as cost:
        where(lost.ana, query=str(old(lost).pk))
    assert len(cost.asked) <= 8
