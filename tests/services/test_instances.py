"""Lives of serving processes, and what is tidied up after one that ended without a word."""

from __future__ import annotations

import datetime
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from sessions_app.models import Entry, Run, ServerInstance, Span
from sessions_app.services.conversations import conversation_create
from sessions_app.services.instances import (
    instance_beat,
    instance_start,
    instance_stop,
    runs_interrupt,
    runs_left_running,
    spans_recover,
)
from sessions_app.services.runs import partials_save, runs_claim
from sessions_app.services.turns import turn_submit
from sessions_app.values import SYSTEM, EndReason
from tests.services.cases import instance_made
from tests.support.rows import audits, chain_digest, events, everything, last_event

MINUTE = datetime.timedelta(minutes=1)


def _running(world, instance):
    """A run of ana's that runs on an instance."""
    sent = world.say()
    world.do(runs_claim, SYSTEM, instance_id=instance, limit=10)
    return UUID(sent["runId"])


def _gone():
    """An instance whose heart stopped ten minutes ago."""
    gone = instance_made()
    ServerInstance.objects.filter(pk=gone).update(heartbeat_at=timezone.now() - 10 * MINUTE)
    return gone


def test_an_instance_begins_beats_and_ends(world, act):
    me = uuid4()
    act(instance_start, SYSTEM, instance_id=me, host="h" * 300, pid=42)
    row = ServerInstance.objects.get(pk=me)
    assert (row.host, row.pid, row.stopped_at, row.heartbeat_at) == ("h" * 200, 42, None, row.started_at)
    assert act(instance_beat, SYSTEM, instance_id=me) == {"alive": 1}
    assert ServerInstance.objects.get(pk=me).heartbeat_at > row.heartbeat_at
    assert act(instance_stop, SYSTEM, instance_id=me, reason=EndReason.SHUTDOWN) == {"spansClosed": 0}
    assert ServerInstance.objects.get(pk=me).stopped_at is not None


def test_the_heart_of_an_unknown_instance_does_not_beat(world, act):
    before = everything()
    assert act(instance_beat, SYSTEM, instance_id=uuid4()) == {"alive": 0}
    assert everything() == before


def test_a_stop_closes_the_spans_of_its_own_instance_only(world, act):
    mine, other = instance_made(), instance_made()
    _running(world, mine)
    there = world.do(conversation_create, title="Other")
    wanted = {"session_key": there["sessionKey"], "session_id": UUID(there["sessionId"]), "message": "x"}
    world.do(turn_submit, **wanted)
    world.do(runs_claim, SYSTEM, instance_id=other, limit=10)
    assert act(instance_stop, SYSTEM, instance_id=mine, reason=EndReason.RESTART) == {"spansClosed": 1}
    assert {span.instance_id: span.close_reason for span in Span.objects.all()} == {mine: "restart", other: ""}
    assert Span.objects.get(instance=mine).close_seq == 1
    assert act(instance_stop, SYSTEM, instance_id=mine, reason=EndReason.CRASH) == {"spansClosed": 0}
    assert Span.objects.get(instance=mine).close_reason == "restart"


def test_an_interrupted_run_keeps_what_it_had(world, act):
    run_id = _running(world, instance_made())
    world.do(partials_save, SYSTEM, partials={run_id: "half of"})
    numbered, seen = last_event(world.key), len(audits())
    assert act(runs_interrupt, SYSTEM, run_ids=[run_id, uuid4()]) == {"interrupted": 1}
    run, entry = Run.objects.get(), Entry.objects.get(session=world.session, seq=2)
    assert (run.state, run.answer_seq, run.partial, run.finished_at is None) == ("interrupted", 2, "", False)
    assert (entry.text, entry.data, entry.run_id) == ("half of", {"state": "interrupted"}, run_id)
    session_id = str(world.current)
    assert events(world.key, numbered) == [
        ("entry.added", {"sessionId": session_id, "seq": 2}),
        ("chat", {"runId": str(run_id), "sessionId": session_id, "state": "interrupted", "inputSeq": 1, "entrySeq": 2}),
    ]
    assert (world.session.digest, len(audits())) == (chain_digest(session_id), seen)


def test_interrupting_again_or_too_late_changes_nothing(world, act):
    run_id = _running(world, instance_made())
    world.finish(str(run_id))
    waiting = UUID(world.say()["runId"])
    before = everything()
    assert act(runs_interrupt, SYSTEM, run_ids=[run_id, waiting]) == {"interrupted": 0}
    assert act(runs_interrupt, SYSTEM, run_ids=[]) == {"interrupted": 0}
    assert everything() == before


@pytest.mark.django_db
def test_recovery_finds_only_what_belongs_to_an_instance_that_is_gone(world):
    me, gone = instance_made(), _gone()
    run_id = _running(world, gone)
    since = timezone.now() - MINUTE
    assert runs_left_running(me, since) == [run_id]
    assert runs_left_running(gone, since) == []  # not its own
    ServerInstance.objects.filter(pk=gone).update(heartbeat_at=timezone.now())
    assert runs_left_running(me, since) == []  # it lives
    ServerInstance.objects.filter(pk=gone).update(stopped_at=timezone.now())
    assert runs_left_running(me, since) == [run_id]  # it said goodbye and left it


@pytest.mark.django_db
def test_a_run_of_no_instance_is_left_running_too(world):
    run_id = _running(world, None)
    assert runs_left_running(instance_made(), timezone.now() - MINUTE) == [run_id]


def test_spans_that_a_crash_left_open_are_closed_as_such(world, act):
    me, gone = instance_made(), _gone()
    _running(world, gone)
    since = timezone.now() - MINUTE
    assert act(spans_recover, SYSTEM, instance_id=gone, alive_since=since) == {"spansClosed": 0}
    assert act(spans_recover, SYSTEM, instance_id=me, alive_since=since) == {"spansClosed": 1}
    span = Span.objects.get()
    assert (span.close_reason, span.close_seq) == ("crash", 1)
    before = everything()
    assert act(spans_recover, SYSTEM, instance_id=me, alive_since=since) == {"spansClosed": 0}
    assert everything() == before


@pytest.mark.django_db
def test_after_a_restart_the_next_turn_opens_a_span_that_resumes(world):
    mine = instance_made()
    run_id = _running(world, mine)
    world.finish(str(run_id))
    world.do(instance_stop, SYSTEM, instance_id=mine, reason=EndReason.SHUTDOWN)
    _running(world, instance_made())
    reasons = list(Span.objects.order_by("opened_at").values_list("open_reason", "close_reason"))
    assert reasons == [("new", "shutdown"), ("resume", "")]
