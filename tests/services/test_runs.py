"""Life of a run: claimed, saved, finished."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from sessions_app.models import Entry, Run, Span
from sessions_app.services.conversations import conversation_create
from sessions_app.services.runs import partials_save, runs_claim, turn_finish, turns_finish
from sessions_app.services.turn_control import run_abort
from sessions_app.services.turns import turn_submit
from sessions_app.values import SYSTEM, RunState
from tests.services.cases import instance_made
from tests.support.rows import added, audits, counts, events, everything, history_rows, last_event
from tests.support.world import command


def _run(sent):
    return Run.objects.get(pk=sent["runId"])


def _finish(sent, state=RunState.DONE, text="hi", **more):
    return {"run_id": UUID(sent["runId"]), "state": state, "text": text, **more}


def test_a_claimed_run_runs_on_the_instance_that_took_it(world, act):
    sent, instance = world.say(), instance_made()
    before, numbered, conversation = counts(), last_event(world.key), world.conversation
    claimed = act(runs_claim, SYSTEM, instance_id=instance, limit=10)
    assert claimed == {
        "runs": [
            {
                "runId": sent["runId"],
                "conversationId": str(conversation.pk),
                "sessionKey": world.key,
                "sessionId": str(world.current),
                "agent": "main",
                "inputSeq": 1,
                "continues": False,
            }
        ]
    }
    run = _run(sent)
    assert (run.state, run.instance_id, run.started_at is not None) == ("running", instance, True)
    assert added(before) == {"Event": 1, "Span": 1, "Receipt": 1, "HookEvent": 1}
    said = {"runId": sent["runId"], "sessionId": str(world.current), "state": "running", "inputSeq": 1}
    assert events(world.key, numbered) == [("run.changed", said)]


def test_with_nothing_queued_a_claim_writes_nothing(world, act):
    before = history_rows()
    assert act(runs_claim, SYSTEM, instance_id=None, limit=10) == {"runs": []}
    assert history_rows() == before


@pytest.mark.django_db
def test_turns_of_a_session_run_one_after_the_other_in_order(world):
    sent = [world.say(str(number)) for number in range(3)]
    order = []
    for _ in sent:
        (claimed,) = world.claim()
        assert world.claim() == []
        order.append(claimed["runId"])
        world.finish(claimed["runId"])
    assert order == [row["runId"] for row in sent]


@pytest.mark.django_db
def test_sessions_do_not_wait_for_each_other_and_a_claim_has_a_limit(world):
    keys = [world.do(conversation_create, title=f"topic {number}") for number in range(3)]
    for made in keys:
        world.do(turn_submit, session_key=made["sessionKey"], session_id=UUID(made["sessionId"]), message="hello")
    assert len(world.do(runs_claim, SYSTEM, instance_id=None, limit=2)["runs"]) == 2
    assert len(world.claim()) == 1


@pytest.mark.django_db
def test_a_span_opens_with_the_first_turn_and_stays_open_for_the_next(world):
    assert Span.objects.count() == 0
    world.talk()
    world.talk()
    span = Span.objects.get()
    assert (span.session_id, span.open_reason, span.open_seq, span.closed_at) == (world.current, "new", 1, None)


def test_a_finished_run_leaves_one_answer(world, act):
    sent = world.say()
    world.claim()
    before, numbered = counts(), last_event(world.key)
    act(partials_save, SYSTEM, partials={UUID(sent["runId"]): "par"})
    done = act(turn_finish, SYSTEM, **_finish(sent, text="the answer", facts={"model": "m", "leftOut": 2}))
    assert done == {"runId": sent["runId"], "late": False, "entrySeq": 2}
    entry, run = Entry.objects.get(session=world.session, seq=2), _run(sent)
    assert (entry.role, entry.text, entry.run_id) == ("assistant", "the answer", run.pk)
    assert entry.data == {"state": "final", "model": "m", "leftOut": 2}
    assert (run.state, run.answer_seq, run.partial, run.error) == ("done", 2, "", None)
    assert run.finished_at is not None
    assert added(before) == {"Entry": 1, "Event": 2, "HookEvent": 1}
    session_id = str(world.current)
    assert events(world.key, numbered) == [
        ("entry.added", {"sessionId": session_id, "seq": 2}),
        ("chat", {"runId": sent["runId"], "sessionId": session_id, "state": "final", "inputSeq": 1, "entrySeq": 2}),
    ]
    assert audits(trigger="rpc", outcome="ok", session_key=world.key) == audits(type="conversation.created")[-1:]


@pytest.mark.parametrize(
    ("state", "word"), [("failed", "error"), ("aborted", "aborted"), ("interrupted", "interrupted"), ("done", "final")]
)
def test_every_end_keeps_the_text_that_came_and_says_how_it_ended(world, act, state, word):
    sent = world.say()
    world.claim()
    error = {"kind": "timeout", "message": "The model took too long."} if state == "failed" else None
    act(turn_finish, SYSTEM, **_finish(sent, RunState(state), "half of", error=error))
    entry = Entry.objects.get(session=world.session, seq=2)
    assert (entry.text, entry.data) == ("half of", {"state": word, **({"error": error} if error else {})})
    assert (_run(sent).state, _run(sent).error) == (state, error)


@pytest.mark.parametrize("state", ["failed", "aborted", "done"])
def test_an_end_without_text_leaves_no_entry(world, act, state):
    sent = world.say()
    world.claim()
    assert act(turn_finish, SYSTEM, **_finish(sent, RunState(state), ""))["entrySeq"] is None
    assert (world.session.last_seq, _run(sent).state, _run(sent).answer_seq) == (1, state, None)
    kind, payload = events(world.key)[-1]
    assert (kind, payload["entrySeq"]) == ("chat", None)


def _aborted(world, sent):
    world.do(run_abort, session_key=world.key, run_id=UUID(sent["runId"]))


@pytest.mark.parametrize(
    "end",
    [
        _aborted,
        lambda world, sent: world.finish(sent["runId"], "first"),
        lambda world, sent: world.reset(stop_run=True),
    ],
    ids=["aborted", "finished", "reset"],
)
def test_a_run_that_has_ended_writes_nothing_any_more(world, act, end):
    sent = world.say()
    world.claim()
    end(world, sent)
    before = everything()
    late = act(turn_finish, SYSTEM, **_finish(sent, text="late words"))
    act(partials_save, SYSTEM, partials={UUID(sent["runId"]): "late words"})
    assert late == {"runId": sent["runId"], "late": True, "entrySeq": None}
    assert everything() == before


def test_a_run_that_only_waits_or_never_was_cannot_finish(world, act):
    sent = world.say()
    before = everything()
    for run_id in (sent["runId"], str(uuid4())):
        assert act(turn_finish, SYSTEM, **_finish({"runId": run_id}))["late"] is True
    assert everything() == before


def test_what_an_answer_has_so_far_is_saved_without_a_word(world, act):
    sent = world.say()
    world.claim()
    before = counts()
    act(partials_save, SYSTEM, partials={UUID(sent["runId"]): "so far ✓", uuid4(): "nobody's"})
    assert (_run(sent).partial, _run(sent).state) == ("so far ✓", "running")
    assert added(before) == {}


@pytest.mark.django_db
def test_many_ends_at_once_are_the_same_as_one_by_one(world):
    other = world.do(conversation_create, title="Other")
    there = {"session_key": other["sessionKey"], "session_id": UUID(other["sessionId"])}
    sent = [world.say("a"), world.do(turn_submit, **there, message="b")]
    world.claim()
    late = {"runId": str(uuid4())}
    settled = turns_finish(
        [
            command(turn_finish, SYSTEM, **_finish(row, text=f"answer {n}"))
            for n, row in enumerate([*sent, late, sent[0]])
        ]
    )
    assert [s.answer["late"] for s in settled] == [False, False, True, True]
    assert world.texts() == ["a", "answer 0"]
    assert world.texts(UUID(other["sessionId"])) == ["b", "answer 1"]
