"""Answers as they stream."""

from __future__ import annotations

import uuid

from sessions_app.runtime.live import LiveAnswer, LiveAnswers


def answer(conversation=None):
    return LiveAnswer(uuid.uuid4(), conversation or uuid.uuid4(), "agent:main:main", uuid.uuid4())


def test_an_answer_grows_by_code_points_not_by_bytes():
    one = answer()
    for piece in ("zwei ", "二", "🙂"):
        one.append(piece)
    assert (one.text, one.length) == ("zwei 二🙂", 7)


def test_what_is_taken_for_the_watchers_counts_as_sent_once():
    one = answer()
    one.append("a")
    one.append("b🙂")
    assert (one.take_unsent(), one.sent) == ("ab🙂", 3)
    assert (one.take_unsent(), one.sent) == ("", 3)
    one.append("c")
    assert (one.take_unsent(), one.sent) == ("c", 4)


def test_an_answer_is_found_by_its_conversation_until_it_ends():
    live, one, other = LiveAnswers(), answer(), answer()
    live.add(one)
    live.add(other)
    assert live.of_conversation(one.conversation_id) is one
    live.discard(one.run_id)
    live.discard(one.run_id)
    assert live.of_conversation(one.conversation_id) is None
    assert list(live) == [other]
    assert len(live) == 1


def test_only_answers_with_words_have_a_partial_to_store():
    live, silent, speaking = LiveAnswers(), answer(), answer()
    live.add(silent)
    live.add(speaking)
    speaking.append("half")
    assert live.partials() == {speaking.run_id: "half"}


def test_answers_may_come_and_go_while_somebody_walks_over_them():
    live = LiveAnswers()
    for _ in range(3):
        live.add(answer())
    for one in live:
        live.discard(one.run_id)
        live.add(answer())
    assert len(live) == 3
