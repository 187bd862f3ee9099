"""A summary is stored whole or not at all, behind its checkpoint, and stands for exactly what it says."""

from __future__ import annotations

from uuid import UUID

import pytest

from sessions_app.errors import InvalidParamsError, SessionMovedError
from sessions_app.models import AuditEvent, Checkpoint, Entry, Event, HookEvent
from sessions_app.selectors.compaction import compaction_plan
from sessions_app.selectors.transcript import history
from sessions_app.services.compaction import session_compact
from sessions_app.services.restore import checkpoint_restore
from sessions_app.services.turn_control import run_abort
from tests.support.replay import fresh_client

pytestmark = pytest.mark.django_db


def _compact(world, covers=2, text="They said hello.", **facts):
    where = {"session_key": world.key, "session_id": world.current}
    return world.do(session_compact, **where, covers_seq=covers, summary=text, facts=facts)


def _plan(world, actor=None, session_id=None):
    return compaction_plan(
        actor or world.ana, session_key=world.key, session_id=session_id, max_bytes=lambda _name: 10**6
    )


def test_the_summary_its_checkpoint_and_all_that_tells_of_them_are_one_change(world):
    world.talk("one", "1")
    made = _compact(world, tokensBefore=90, tokensAfter=9, durationMs=12, model="m", leftOut=3)
    told = {
        "checkpointId": made["checkpointId"],
        "coversSeq": 2,
        "firstKeptSeq": 3,
        "tokensBefore": 90,
        "tokensAfter": 9,
    }
    told |= {"durationMs": 12, "model": "m", "leftOut": 3}
    entry = Entry.objects.get(session=world.current, kind="compaction")
    assert (entry.seq, entry.role, entry.text) == (3, "system", "They said hello.")
    who = {"actor": "ana", "trigger": "rpc"}
    assert entry.data == {"type": "compaction", **told, **who, "auditId": made["auditId"]}
    mark = Checkpoint.objects.get()
    assert (str(mark.pk), mark.session_id, mark.seq, mark.kind) == (made["checkpointId"], world.current, 2, "auto")
    assert world.conversation.checkpoint_count == 1
    audit = AuditEvent.objects.get(type="session.compacted")
    assert (audit.seq, audit.data, audit.outcome) == (made["auditId"], told, "ok")
    assert (audit.old_session_id, audit.new_session_id) == (world.current, world.current)
    hook = HookEvent.objects.get(type="compaction")
    assert hook.payload.items() >= {"entrySeq": 3, **told, **who}.items()
    types = list(Event.objects.order_by("-number").values_list("type", flat=True)[:2])
    assert sorted(types) == ["checkpoint.changed", "entry.added"]


def test_the_entries_stay_and_restore_to_before_comes_without_the_summary(world):
    world.talk("one", "1")
    old = world.current
    made = _compact(world)
    world.talk("two", "2")
    page = history(world.ana, session_key=world.key)
    assert [entry["text"] for entry in page["entries"]] == ["one", "1", "They said hello.", "two", "2"]
    back = {"checkpoint_id": UUID(made["checkpointId"]), "expected_current_session_id": old}
    world.do(checkpoint_restore, session_key=world.key, **back)
    kinds = [entry["kind"] for entry in history(world.ana, session_key=world.key)["entries"]]
    assert kinds == ["message", "message", "marker"]


def test_a_summary_for_a_session_that_was_put_aside_is_thrown_away(world):
    world.talk("one", "1")
    old = world.current
    plan = _plan(world)
    world.reset()
    where = {"session_key": world.key, "session_id": plan.session_id, "covers_seq": plan.covers_seq}
    with pytest.raises(SessionMovedError):
        world.do(session_compact, **where, summary="late")
    assert not Entry.objects.filter(kind="compaction").exists()
    assert not Checkpoint.objects.exists()
    with pytest.raises(SessionMovedError):
        _plan(world, session_id=old)


def test_of_two_summaries_of_the_same_entries_the_second_is_refused(world):
    world.talk("one", "1")
    _compact(world)
    with pytest.raises(InvalidParamsError, match="meanwhile"):
        _compact(world, text="another")
    with pytest.raises(InvalidParamsError, match="none numbered"):
        _compact(world, covers=9)
    assert Entry.objects.filter(kind="compaction").count() == 1


def test_a_plan_ends_before_the_oldest_answer_that_is_not_there_yet(world):
    world.talk("one", "1")
    world.say("two")
    world.claim()
    world.say("three")
    plan = _plan(world)
    assert (plan.covers_seq, [message.text for message in plan.messages]) == (2, ["one", "1"])
    _compact(world)
    with pytest.raises(InvalidParamsError, match="nothing to summarise"):
        _plan(world)


def test_there_is_nothing_to_summarise_where_nothing_was_said(world):
    with pytest.raises(InvalidParamsError, match="nothing to summarise"):
        _plan(world)
    world.talk("one", "1")
    _compact(world)
    with pytest.raises(InvalidParamsError, match="nothing to summarise"):
        _plan(world)


def test_a_withdrawn_message_is_not_summarised(world):
    first, second = world.say("one"), world.say("never mind")
    world.claim()
    world.do(run_abort, session_key=world.key, run_id=UUID(second["runId"]))
    with pytest.raises(InvalidParamsError, match="nothing to summarise"):
        _plan(world)
    world.finish(first["runId"], "1")
    assert [message.text for message in _plan(world).messages] == ["one", "1"]


def test_the_next_summary_is_made_of_the_one_before_and_what_was_said_since(world):
    world.talk("one", "1")
    _compact(world)
    world.talk("two", "2")
    texts = [message.text for message in _plan(world).messages]
    assert texts[0].endswith("They said hello.")
    assert texts[1:] == ["two", "2"]


def test_a_client_that_replays_has_what_a_fresh_page_has(world):
    client = fresh_client(world.ana, world.key)
    world.talk("one", "1")
    _compact(world)
    assert client.caught_up(world.ana, world.key, page=40) == fresh_client(world.ana, world.key)
