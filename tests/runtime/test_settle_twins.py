"""A set of sends, or of ends, gives the very rows that one after the other gives."""

from __future__ import annotations

import itertools
import uuid
from uuid import UUID

import pytest
import time_machine
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from sessions_app.models import Conversation, Entry, Event, Receipt, Run, Session
from sessions_app.runtime.settle import settle_alone, settle_batch
from sessions_app.services import turns
from sessions_app.services.conversations import conversation_create
from sessions_app.services.runs import turn_finish
from sessions_app.services.turns import turn_submit
from sessions_app.values import NO_EFFECTS, QUEUE_MAX_RUNS, SYSTEM, RunState
from tests.support.world import command

pytestmark = pytest.mark.django_db
TABLES = (Entry, Event, Run, Receipt, Session, Conversation)
NUMBERED = {"entry", "event", "receipt"}  # their numbers are the engine's own


def rows():
    """All that is stored, but for keys the engine gives."""
    found = {}
    for model in TABLES:
        name = model._meta.model_name
        values = model.objects.order_by("pk").values()
        found[name] = [{k: v for k, v in row.items() if not (k == "id" and name in NUMBERED)} for row in values]
    return found


def both_ways(monkeypatch, commands):
    """How the commands end, and what is stored then: as a set, and one by one, from the same start."""
    ways = []
    for way in (settle_batch, lambda all_: [settle_alone(c) for c in all_]):
        numbers = itertools.count(1)
        monkeypatch.setattr(uuid, "uuid4", lambda numbers=numbers: UUID(int=next(numbers)))
        with time_machine.travel("2026-11-20T03:59:59.5Z", tick=False), transaction.atomic():
            ends = [(end.answer, repr(end.error), getattr(end.error, "details", None)) for end in way(commands)]
            ways.append((ends, rows()))
            transaction.set_rollback(True)
    monkeypatch.undo()
    return ways


def a_hard_set_of_sends(world):
    """Good ones, and every way a send is refused, side by side."""
    other = world.do(conversation_create, title="Other")
    key, current = world.key, world.current
    world.say("first")
    taken = command(turn_submit, world.ana, session_key=key, session_id=current, message="taken")
    settle_alone(taken)

    def send(message="hello", actor=world.ana, request=None, to=key, at=current):
        return command(turn_submit, actor, request, session_key=to, session_id=at, message=message)

    return [
        send("one"),
        send("zwei — 二 🙂"),
        send(to=other["sessionKey"], at=UUID(other["sessionId"])),
        taken,
        send("other words", request=taken.call.request_id),
        send("same", request="same"),
        send("same", request="same"),
        send("different", request="same"),
        send("theirs", actor=world.bob),
        send("the same key of somebody else", actor=world.admin, request="same"),
        send("/reset now"),
        send("nul \x00"),
        send("half \ud800"),
        send("x" * 300_000),
        send("moved", at=uuid.uuid4()),
        send("nowhere", to="agent:main:none"),
        send("no key", request=""),
        send(""),
        send("last"),
    ]


def test_a_set_of_sends_equals_one_by_one(world, monkeypatch):
    as_set, one_by_one = both_ways(monkeypatch, a_hard_set_of_sends(world))
    assert as_set[0] == one_by_one[0]
    assert as_set[1] == one_by_one[1]
    assert sum(answer is not None for answer, _, _ in as_set[0]) >= 7


def test_a_set_that_fills_the_queue_equals_one_by_one(world, monkeypatch):
    for n in range(QUEUE_MAX_RUNS - 3):
        world.say(f"waiting {n}")
    wanted = {"session_key": world.key, "session_id": world.current}
    as_set, one_by_one = both_ways(
        monkeypatch, [command(turn_submit, world.ana, **wanted, message=f"m{n}") for n in range(6)]
    )
    assert as_set == one_by_one
    assert [answer is None for answer, _, _ in as_set[0]] == [False] * 3 + [True] * 3


def test_a_set_of_ends_equals_one_by_one(world, monkeypatch):
    ids = []
    for n in range(4):
        place = world.do(conversation_create, title=f"c{n}")
        sent = world.do(
            turn_submit, session_key=place["sessionKey"], session_id=UUID(place["sessionId"]), message="hello"
        )
        ids.append(UUID(sent["runId"]))
    world.claim()
    queued = UUID(world.say("still waiting")["runId"])

    def end(run_id, state=RunState.DONE, text="answer", **more):
        return command(turn_finish, SYSTEM, "", run_id=run_id, state=state, text=text, **more)

    failure = {"kind": "timeout", "message": "Too slow."}
    commands = [
        end(ids[0], facts={"model": "m", "leftOut": 3}),
        end(ids[1], RunState.FAILED, "half", error=failure),
        end(ids[2], RunState.FAILED, "", error=failure),
        end(ids[0], text="a second end"),
        end(queued),
        end(uuid.uuid4()),
        end(ids[3]),
    ]
    as_set, one_by_one = both_ways(monkeypatch, commands)
    assert as_set == one_by_one
    assert [answer["late"] for answer, _, _ in as_set[0]] == [False, False, False, True, True, True, False]


def test_hot_sends_share_their_statements(world):
    def sends(count):
        wanted = {"session_key": world.key, "session_id": world.current}
        return [command(turn_submit, world.ana, **wanted, message=f"m{n}") for n in range(count)]

    def statements(commands):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            settle_batch(commands)
        return sum(1 for query in captured if not query["sql"].startswith(("SAVEPOINT", "RELEASE")))

    few, many = statements(sends(2)), statements(sends(40))
    assert few == many


def test_a_set_that_the_database_refuses_goes_one_by_one(world, monkeypatch):
    calls = []

    def broken(*_):
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("too many SQL variables")
        return real(*_)

    real = turns._known_runs
    monkeypatch.setattr(turns, "_known_runs", broken)
    wanted = {"session_key": world.key, "session_id": world.current}
    ends = settle_batch([command(turn_submit, world.ana, **wanted, message=f"m{n}") for n in range(3)])
    assert [end.result()["entrySeq"] for end in ends] == [1, 2, 3]
    assert len(calls) == 4


def test_only_those_who_were_stored_have_effects(world):
    good = command(turn_submit, world.ana, session_key=world.key, session_id=world.current, message="good")
    bad = command(turn_submit, world.bob, session_key=world.key, session_id=world.current, message="bad")
    first, second = settle_batch([good, bad])
    assert first.effects.wake_runner
    assert first.effects.pokes == {world.conversation.pk}
    assert second.effects == NO_EFFECTS
