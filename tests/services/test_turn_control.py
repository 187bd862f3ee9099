"""A person stops an answer, or has a turn tried again."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from sessions_app.errors import InvalidParamsError, NotFoundError, SessionMovedError
from sessions_app.models import Entry, Run
from sessions_app.selectors.transcript import history
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.conversations import conversation_create
from sessions_app.services.restore import position_restore
from sessions_app.services.runs import partials_save
from sessions_app.services.turn_control import run_abort, turn_retry
from sessions_app.values import SYSTEM, RunState
from tests.support.rows import added, counts, events, everything, history_rows, last_event


def _abort(world, sent):
    return {"session_key": world.key, "run_id": UUID(sent["runId"])}


def _retry(world, sent):
    return {"session_key": world.key, "session_id": world.current, "run_id": UUID(sent["runId"])}


def test_stop_keeps_what_is_there_as_an_aborted_entry(world, act):
    sent = world.say()
    world.claim()
    world.do(partials_save, SYSTEM, partials={UUID(sent["runId"]): "half of"})
    before, numbered = counts(), last_event(world.key)
    stopped = act(run_abort, world.ana, **_abort(world, sent))
    assert stopped == {"aborted": True, "runId": sent["runId"], "state": "aborted"}
    entry, run = Entry.objects.get(session=world.session, seq=2), Run.objects.get()
    assert (entry.role, entry.text, entry.data) == ("assistant", "half of", {"state": "aborted"})
    assert (run.state, run.answer_seq, run.partial) == ("aborted", 2, "")
    assert added(before) == {"Entry": 1, "Event": 2, "Receipt": 1, "HookEvent": 1}
    session_id = str(world.current)
    assert events(world.key, numbered) == [
        ("entry.added", {"sessionId": session_id, "seq": 2}),
        ("chat", {"runId": sent["runId"], "sessionId": session_id, "state": "aborted", "inputSeq": 1, "entrySeq": 2}),
    ]


def test_stop_before_the_first_word_leaves_no_entry(world, act):
    sent = world.say()
    world.claim()
    act(run_abort, world.ana, **_abort(world, sent))
    assert (world.session.last_seq, Run.objects.get().state) == (1, "aborted")


def test_stopping_a_waiting_message_withdraws_it(world, act):
    world.say("runs")
    waiting = world.say("waits")
    world.claim()
    numbered = last_event(world.key)
    stopped = act(run_abort, world.ana, **_abort(world, waiting))
    assert stopped == {"aborted": True, "runId": waiting["runId"], "state": "withdrawn"}
    said = {"runId": waiting["runId"], "sessionId": str(world.current), "state": "withdrawn", "inputSeq": 2}
    assert events(world.key, numbered) == [("run.changed", said)]
    assert world.texts() == ["runs", "waits"]  # the message stays in the transcript


@pytest.mark.parametrize("state", ["done", "failed", "interrupted"])
def test_stopping_what_has_ended_changes_nothing_and_says_so(world, act, state):
    sent = world.say()
    world.claim()
    world.finish(sent["runId"], "answer", RunState(state))
    before = history_rows()
    assert act(run_abort, world.ana, **_abort(world, sent)) == {
        "aborted": False,
        "runId": sent["runId"],
        "state": state,
    }
    assert history_rows() == before


def test_a_run_of_another_conversation_is_not_found(world, act):
    sent = world.talk()
    other = world.do(conversation_create, title="Other")
    before = everything()
    with pytest.raises(NotFoundError):
        act(run_abort, world.ana, session_key=other["sessionKey"], run_id=UUID(sent["runId"]))
    with pytest.raises(NotFoundError):
        act(
            turn_retry,
            world.ana,
            session_key=other["sessionKey"],
            session_id=UUID(other["sessionId"]),
            run_id=UUID(sent["runId"]),
        )
    with pytest.raises(NotFoundError):
        act(run_abort, world.ana, session_key=world.key, run_id=uuid4())
    assert everything() == before


def test_a_retry_is_another_attempt_of_the_same_turn(world, act):
    sent = world.say("question")
    world.claim()
    world.finish(sent["runId"], "", RunState.FAILED)
    before, numbered = counts(), last_event(world.key)
    again = act(turn_retry, world.ana, "key-1", **_retry(world, sent))
    assert again == {
        "runId": again["runId"],
        "sessionKey": world.key,
        "sessionId": str(world.current),
        "entrySeq": 1,
        "status": "accepted",
        "duplicate": False,
    }
    run = Run.objects.get(pk=again["runId"])
    assert (run.state, run.input_seq, str(run.retry_of_id), run.request_id) == ("queued", 1, sent["runId"], "key-1")
    assert added(before) == {"Run": 1, "Event": 1, "Receipt": 1}
    said = {"runId": again["runId"], "sessionId": str(world.current), "state": "queued", "inputSeq": 1}
    assert events(world.key, numbered) == [("run.changed", said)]


@pytest.mark.django_db
def test_both_attempts_stay_and_the_turn_shows_the_newest(world):
    sent = world.talk("question", "first answer")
    again = world.do(turn_retry, **_retry(world, sent))
    world.claim()
    world.finish(again["runId"], "second answer")
    assert world.texts() == ["question", "first answer", "second answer"]
    question, first, second = history(world.ana, session_key=world.key)["entries"]
    assert (question["runId"], question["run"]["runId"]) == (sent["runId"], again["runId"])
    assert [first["run"]["runId"], second["run"]["runId"]] == [sent["runId"], again["runId"]]
    assert (question["run"]["retryOf"], question["run"]["answerSeq"]) == (sent["runId"], 3)


@pytest.mark.parametrize("is_claimed", [False, True], ids=["queued", "running"])
def test_what_is_being_answered_is_not_tried_again(world, act, is_claimed):
    sent = world.say()
    if is_claimed:
        world.claim()
    before = everything()
    with pytest.raises(InvalidParamsError):
        act(turn_retry, world.ana, **_retry(world, sent))
    assert everything() == before


@pytest.mark.django_db
def test_a_retry_of_an_old_attempt_is_refused_while_the_newest_runs(world):
    sent = world.talk()
    world.do(turn_retry, **_retry(world, sent))
    with pytest.raises(InvalidParamsError):
        world.do(turn_retry, **_retry(world, sent))


def test_a_turn_of_an_archived_session_is_not_tried_again(world, act):
    sent = world.talk()
    stale = _retry(world, sent)
    world.reset()
    before = everything()
    with pytest.raises(SessionMovedError):
        act(turn_retry, world.ana, **stale)
    assert everything() == before


def test_a_turn_that_belongs_to_the_parent_is_not_found_in_the_branch(world, act):
    sent = world.talk()
    world.do(checkpoint_create, session_key=world.key, session_id=world.current)
    old = world.current
    world.do(position_restore, session_key=world.key, session_id=old, seq=2, expected_current_session_id=old)
    before = everything()
    with pytest.raises(NotFoundError):  # nothing moved under the caller: session_moved would send them in a circle
        act(turn_retry, world.ana, **_retry(world, sent))
    assert everything() == before
