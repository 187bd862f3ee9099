"""What a model is shown: whole turns, each answer behind its own question."""

from __future__ import annotations

from uuid import UUID

import pytest

from sessions_app.models import Run, Session
from sessions_app.selectors.context import PAGE_ROWS, context_messages
from sessions_app.services.branches import position_branch
from sessions_app.services.compaction import session_compact
from sessions_app.services.journal import Journal, NewEntry
from sessions_app.services.restore import position_restore
from sessions_app.services.turn_control import run_abort, turn_retry
from sessions_app.services.turns import turn_submit
from sessions_app.values import EntryKind, Role, RunState
from tests.support.rows import grow

pytestmark = pytest.mark.django_db


def _shown(world, input_seq, session_id=None, max_bytes=10**6):
    messages, left_out = context_messages(session_id or world.current, input_seq, max_bytes=max_bytes)
    return [f"{message.role}: {message.text}" for message in messages], left_out


def test_the_first_question_stands_alone(world):
    sent = world.say("hello")
    assert _shown(world, sent["entrySeq"]) == (["user: hello"], 0)


def test_questions_and_answers_alternate_and_end_with_the_question(world):
    world.talk("one", "1")
    world.talk("two", "2")
    sent = world.say("three")
    lines = ["user: one", "assistant: 1", "user: two", "assistant: 2", "user: three"]
    assert _shown(world, sent["entrySeq"]) == (lines, 0)


def test_messages_that_waited_are_paired_with_their_own_answers(world):
    first, second, third = (world.say(word) for word in ("one", "two", "three"))
    world.claim()
    assert _shown(world, first["entrySeq"])[0] == ["user: one"]  # what was sent later is not shown
    world.finish(first["runId"], "1")
    world.claim()
    assert _shown(world, second["entrySeq"])[0] == ["user: one", "assistant: 1", "user: two"]
    world.finish(second["runId"], "2")
    lines = ["user: one", "assistant: 1", "user: two", "assistant: 2", "user: three"]
    assert _shown(world, third["entrySeq"])[0] == lines


def test_withdrawn_messages_are_left_out(world):
    first, second = world.say("one"), world.say("never mind")
    world.claim()
    world.do(run_abort, session_key=world.key, run_id=UUID(second["runId"]))
    world.finish(first["runId"], "1")
    sent = world.say("three")
    assert _shown(world, sent["entrySeq"])[0] == ["user: one", "assistant: 1", "user: three"]


def _retry(world, run_id):
    wanted = {"session_key": world.key, "session_id": world.current, "run_id": UUID(run_id)}
    return world.do(turn_retry, **wanted)


def test_a_withdrawn_message_that_is_tried_again_is_shown(world):
    first, second = world.say("one"), world.say("wait")
    world.claim()
    world.do(run_abort, session_key=world.key, run_id=UUID(second["runId"]))
    world.finish(first["runId"], "1")
    again = _retry(world, second["runId"])
    assert _shown(world, again["entrySeq"])[0] == ["user: one", "assistant: 1", "user: wait"]
    world.claim()
    world.finish(again["runId"], "2")
    sent = world.say("three")
    lines = ["user: one", "assistant: 1", "user: wait", "assistant: 2", "user: three"]
    assert _shown(world, sent["entrySeq"])[0] == lines


def test_of_several_attempts_the_newest_answer_counts(world):
    sent = world.talk("one", "first try")
    world.talk("two", "2")
    again = _retry(world, sent["runId"])
    world.claim()
    assert _shown(world, again["entrySeq"])[0] == ["user: one"]
    world.finish(again["runId"], "second try")
    last = world.say("three")
    lines = ["user: one", "assistant: second try", "user: two", "assistant: 2", "user: three"]
    assert _shown(world, last["entrySeq"])[0] == lines


def test_a_failed_turn_without_an_answer_still_shows_its_question(world):
    sent = world.say("one")
    world.claim()
    world.finish(sent["runId"], "", RunState.FAILED)
    last = world.say("two")
    assert _shown(world, last["entrySeq"])[0] == ["user: one", "user: two"]


def test_a_partial_answer_is_shown_as_far_as_it_came(world):
    sent = world.say("one")
    world.claim()
    world.finish(sent["runId"], "half of", RunState.ABORTED)
    last = world.say("two")
    assert _shown(world, last["entrySeq"])[0] == ["user: one", "assistant: half of", "user: two"]


def test_markers_are_not_shown_and_an_archive_that_came_back_is(world):
    world.talk("one", "1")
    old = world.current
    world.do(position_restore, session_key=world.key, session_id=old, seq=2, expected_current_session_id=old)
    sent = world.say("two")
    assert _shown(world, sent["entrySeq"])[0] == ["user: one", "assistant: 1", "user: two"]


def test_a_branch_sees_its_parents_up_to_where_it_left(world):
    world.talk("one", "1")
    world.talk("two", "2")
    made = world.do(position_branch, session_key=world.key, session_id=world.current, seq=2)
    there = {"session_key": made["sessionKey"], "session_id": UUID(made["sessionId"])}
    sent = world.do(turn_submit, **there, message="another two")
    shown, _ = _shown(world, sent["entrySeq"], UUID(made["sessionId"]))
    assert shown == ["user: one", "assistant: 1", "user: another two"]


def test_enough_is_enough_and_what_was_left_out_is_counted(world):
    grow(world.current, 3 * PAGE_ROWS)
    sent = world.say("the question")
    shown, left_out = _shown(world, sent["entrySeq"], max_bytes=10)
    assert (len(shown), left_out) == (PAGE_ROWS, 2 * PAGE_ROWS + 1)
    assert shown[-1] == "user: the question"
    shown, left_out = _shown(world, sent["entrySeq"])
    assert (len(shown), left_out) == (3 * PAGE_ROWS + 1, 0)


def test_reading_a_context_changes_nothing(world):
    sent = world.say("one")
    before = list(Session.objects.values()), list(Run.objects.values())
    _shown(world, sent["entrySeq"])
    assert (list(Session.objects.values()), list(Run.objects.values())) == before


def _compact(world, covers, text="in short", **where):
    place = {"session_key": world.key, "session_id": world.current, **where}
    return world.do(session_compact, **place, covers_seq=covers, summary=text)


def _behind(world, input_seq, session_id=None, **more):
    """What is shown, with the first line of a summary left away."""
    shown, left_out = _shown(world, input_seq, session_id, **more)
    return [
        f"summary: {line.partition('shown again:')[2].strip()}" if "shown again:" in line else line for line in shown
    ], left_out


def test_a_summary_takes_the_place_of_what_it_stands_for(world):
    world.talk("one", "1")
    world.talk("two", "2")
    _compact(world, 4)
    sent = world.say("three")
    assert _behind(world, sent["entrySeq"]) == (["summary: in short", "user: three"], 0)
    _compact(world, 6, "shorter")  # the question that waits is its own turn still
    assert _behind(world, sent["entrySeq"])[0] == ["summary: in short", "user: three"]
    world.claim()
    world.finish(sent["runId"], "3")
    last = world.say("four")
    assert _behind(world, last["entrySeq"])[0] == ["summary: shorter", "user: three", "assistant: 3", "user: four"]


def test_what_came_while_the_summary_was_written_stays(world):
    world.talk("one", "1")
    second = world.say("two")
    world.claim()
    _compact(world, 2)
    assert _behind(world, second["entrySeq"])[0] == ["summary: in short", "user: two"]
    world.finish(second["runId"], "2")
    last = world.say("three")
    assert _behind(world, last["entrySeq"])[0] == ["summary: in short", "user: two", "assistant: 2", "user: three"]


def test_a_turn_the_summary_stands_for_is_tried_again_without_it(world):
    first = world.talk("one", "1")
    world.talk("two", "2")
    _compact(world, 4)
    again = _retry(world, first["runId"])
    world.claim()
    assert _behind(world, again["entrySeq"])[0] == ["user: one"]
    world.finish(again["runId"], "1 again")
    last = world.say("three")
    lines = ["summary: in short", "user: one", "assistant: 1 again", "user: three"]
    assert _behind(world, last["entrySeq"])[0] == lines


def test_a_branch_has_the_summary_if_it_left_after_it(world):
    world.talk("one", "1")
    _compact(world, 2)
    world.talk("two", "2")
    for seq, lines in ((2, ["user: one", "assistant: 1"]), (5, ["summary: in short", "user: two", "assistant: 2"])):
        made = world.do(position_branch, session_key=world.key, session_id=world.current, seq=seq)
        there = UUID(made["sessionId"])
        sent = world.do(turn_submit, session_key=made["sessionKey"], session_id=there, message="here")
        assert _behind(world, sent["entrySeq"], there)[0] == [*lines, "user: here"]


def test_a_summary_far_back_is_shown_and_what_it_stands_for_is_not_counted_as_left_out(world):
    grow(world.current, 3 * PAGE_ROWS)
    _compact(world, PAGE_ROWS)
    grow(world.current, PAGE_ROWS)
    sent = world.say("the question")
    shown, left_out = _behind(world, sent["entrySeq"], max_bytes=10)
    assert (shown[0], len(shown), shown[-1]) == ("summary: in short", PAGE_ROWS + 1, "user: the question")
    assert left_out == 2 * PAGE_ROWS + 1
    shown, left_out = _behind(world, sent["entrySeq"])
    assert (len(shown), left_out) == (1 + 3 * PAGE_ROWS + 1, 0)


def test_an_adopted_summary_stands_for_all_before_it(world):
    world.talk("one", "1")
    _compact(world, 2)
    world.talk("two", "2")
    journal = Journal()
    journal.entry(journal.tip_of(world.session), NewEntry(EntryKind.COMPACTION, Role.SYSTEM, "as adopted"))
    journal.write()
    sent = world.say("three")
    assert _shown(world, sent["entrySeq"])[0] == ["system: as adopted", "user: three"]


def test_a_context_after_a_summary_costs_the_same_at_any_length(world, django_assert_num_queries):
    for entries in (20, 2000):
        grow(world.current, entries)
        _compact(world, world.session.last_seq, f"in short {entries}")
        sent, here = world.say("the question"), world.current
        with django_assert_num_queries(4):
            context_messages(here, sent["entrySeq"], max_bytes=10**6)
