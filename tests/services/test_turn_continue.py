"""Answers that were cut off: continued by a person, resumed once by the system where agents.toml says so."""

from __future__ import annotations

from uuid import UUID

import pytest

from sessions_app.errors import InvalidParamsError
from sessions_app.models import Run
from sessions_app.selectors.context import context_messages
from sessions_app.services.instances import runs_interrupt
from sessions_app.services.runs import partials_save
from sessions_app.services.turn_control import turn_retry, turns_resume
from sessions_app.values import SYSTEM, RunState

pytestmark = pytest.mark.django_db


def _cut_off(world, message="tell me", text="once upon"):
    sent = world.say(message)
    world.claim()
    world.do(partials_save, SYSTEM, partials={UUID(sent["runId"]): text})
    world.do(runs_interrupt, SYSTEM, run_ids=[UUID(sent["runId"])])
    return sent


def _shown(world, input_seq, **more):
    found, _ = context_messages(world.current, input_seq, max_bytes=10**6, **more)
    return [entry.text for entry in found]


def test_a_continued_answer_is_shown_what_it_said_before(world):
    sent = _cut_off(world)
    again = world.do(
        turn_retry, session_key=world.key, session_id=world.current, run_id=UUID(sent["runId"]), continues=True
    )
    assert _shown(world, 1, continues=True) == ["tell me", "once upon"]
    assert _shown(world, 1) == ["tell me"]  # a plain retry answers anew
    [claimed] = world.claim()
    assert (claimed["runId"], claimed["continues"]) == (again["runId"], True)
    world.finish(again["runId"], " a time")
    world.say("and then?")
    assert _shown(world, 4) == ["tell me", "once upon", " a time", "and then?"]


def test_what_was_not_cut_off_cannot_be_continued(world):
    sent = world.talk("one", "whole")
    with pytest.raises(InvalidParamsError):
        world.do(
            turn_retry, session_key=world.key, session_id=world.current, run_id=UUID(sent["runId"]), continues=True
        )
    assert Run.objects.count() == 1


def test_the_system_resumes_an_interrupted_turn_once(world):
    sent = _cut_off(world)
    ids = [UUID(sent["runId"])]
    assert world.do(turns_resume, SYSTEM, run_ids=ids, agents=["other"]) == {"resumed": 0}
    assert world.do(turns_resume, SYSTEM, run_ids=ids, agents=["main"]) == {"resumed": 1}
    resumed = Run.objects.get(state=RunState.QUEUED)
    assert (resumed.retry_of_id, resumed.actor_label) == (ids[0], "holdfast")
    world.claim()
    world.do(runs_interrupt, SYSTEM, run_ids=[resumed.pk])
    assert world.do(turns_resume, SYSTEM, run_ids=[resumed.pk], agents=["main"]) == {"resumed": 0}
