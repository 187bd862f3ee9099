"""Taking messages: `turn_submit`."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions_app.errors import (
    InvalidParamsError,
    NotFoundError,
    QueueFullError,
    SessionControlRequiredError,
    SessionMovedError,
    TextInvalidError,
    TooLargeError,
)
from sessions_app.models import Entry, Run
from sessions_app.selectors.transcript import history
from sessions_app.services.turns import turn_submit, turns_submit
from sessions_app.values import CONTROL_TEXT, QUEUE_MAX_RUNS, TEXT_MAX_BYTES
from tests.support.rows import added, audits, counts, events, everything, last_event
from tests.support.world import command, person

WORDS = [
    "hello",
    "  both ends  ",
    "line\r\nline\n\tline\x01\x1b[31m",
    "é and é are two spellings",
    "👩‍👩‍👧 🏳️‍🌈 \u202eright to left\u202c \ufeff \uffff \U0010ffff",
    "<script>alert(1)</script> & 'quotes' \"double\" \\back % %s {0}",
]


def test_a_message_becomes_an_entry_and_a_queued_run(world, act):
    world.talk("first", "answer")
    before, numbered, session = counts(), last_event(world.key), world.session
    sent = act(turn_submit, world.ana, "key-1", session_key=world.key, session_id=session.pk, message="second")
    run = Run.objects.get(pk=sent["runId"])
    assert sent == {
        "runId": str(run.pk),
        "sessionKey": world.key,
        "sessionId": str(session.pk),
        "entrySeq": 3,
        "status": "accepted",
        "duplicate": False,
    }
    assert (run.state, run.input_seq, run.actor, run.actor_label, run.request_id) == (
        "queued",
        3,
        world.ana.ref,
        "ana",
        "key-1",
    )
    entry = Entry.objects.get(session=session, seq=3)
    assert (entry.kind, entry.role, entry.text, entry.data, entry.run_id, entry.message_no) == (
        "message",
        "user",
        "second",
        {},
        run.pk,
        3,
    )
    assert added(before) == {"Entry": 1, "Run": 1, "Event": 1}
    assert (world.session.last_seq, world.session.messages, world.session.digest) == (3, 3, entry.digest)
    assert events(world.key, numbered) == [("entry.added", {"sessionId": str(session.pk), "seq": 3})]
    assert world.current == session.pk


def test_neither_sending_nor_its_refusal_is_audited(world, act):
    seen = len(audits())
    world.say()
    with pytest.raises(SessionControlRequiredError):
        act(turn_submit, world.ana, session_key=world.key, session_id=world.current, message="/new")
    assert len(audits()) == seen


@pytest.mark.parametrize("message", WORDS)
def test_text_is_stored_byte_for_byte(world, act, message):
    sent = act(turn_submit, world.ana, session_key=world.key, session_id=world.current, message=message)
    assert Entry.objects.get(session=world.session, seq=sent["entrySeq"]).text.encode() == message.encode()
    assert history(world.ana, session_key=world.key)["entries"][-1]["text"] == message


storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=300)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(storable)
def test_any_text_that_is_taken_comes_back_as_it_was(world, message):
    if not message.strip() or CONTROL_TEXT.match(message):
        return
    sent = world.do(turn_submit, session_key=world.key, session_id=world.current, message=message)
    assert history(world.ana, session_key=world.key, after_seq=sent["entrySeq"] - 1)["entries"][0]["text"] == message


@pytest.mark.parametrize(
    "text",
    ["/new", "/reset", " /RESET x", "\n\t/New what now", "/new\nline", "\u3000/reset", "/nEw\u00a0x", "/reset\r"],
)
def test_control_text_is_refused_and_nothing_is_written(world, act, text):
    before = everything()
    with pytest.raises(SessionControlRequiredError) as caught:
        act(turn_submit, world.ana, session_key=world.key, session_id=world.current, message=text)
    assert caught.value.details == {"sessionKey": world.key}
    assert everything() == before


@pytest.mark.parametrize(
    "text", ["/newish", "/resets", "/new-idea", "/new/x", "new", "a /new", ".\n/reset", "//new", "/ new"]
)
def test_what_only_resembles_control_text_is_a_message(world, act, text):
    act(turn_submit, world.ana, session_key=world.key, session_id=world.current, message=text)
    assert world.texts() == [text]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a\x00b", TextInvalidError),
        ("\ud83d", TextInvalidError),
        ("half \udc00 a pair", TextInvalidError),
        ("a" * (TEXT_MAX_BYTES + 1), TooLargeError),
        ("é" * (TEXT_MAX_BYTES // 2) + "a", TooLargeError),
        ("", InvalidParamsError),
        (" \n\t", InvalidParamsError),
    ],
    ids=["nul", "high-surrogate", "low-surrogate", "too-long", "too-many-bytes", "empty", "blank"],
)
def test_text_that_cannot_be_kept_is_refused_whole(world, act, text, error):
    before = everything()
    with pytest.raises(error):
        act(turn_submit, world.ana, session_key=world.key, session_id=world.current, message=text)
    assert everything() == before


def test_text_of_exactly_256_kib_is_taken(world, act):
    message = "é" * (256 * 1024 // 2)
    act(turn_submit, world.ana, session_key=world.key, session_id=world.current, message=message)
    assert world.texts() == [message]


def test_a_message_needs_an_idempotency_key(world, act):
    with pytest.raises(InvalidParamsError) as caught:
        act(turn_submit, world.ana, "", session_key=world.key, session_id=world.current, message="hello")
    assert caught.value.details["field"] == "idempotencyKey"


@pytest.mark.parametrize("who", ["ana", "admin"])
def test_an_unknown_conversation_is_not_found(world, act, who):
    with pytest.raises(NotFoundError):
        act(turn_submit, getattr(world, who), session_key="agent:main:nowhere", session_id=world.current, message="x")


@pytest.mark.django_db
def test_a_hundred_messages_may_wait_and_no_more(world):
    for number in range(QUEUE_MAX_RUNS):
        world.say(f"message {number}")
    before = everything()
    with pytest.raises(QueueFullError) as caught:
        world.say("one too many")
    assert (caught.value.details, caught.value.retryable) == ({"maxQueued": 100}, True)
    assert everything() == before
    first = world.claim()[0]
    with pytest.raises(QueueFullError):
        world.say("the running one counts too")
    world.finish(first["runId"])
    assert world.say("now there is room")["status"] == "accepted"


def test_a_known_key_gets_its_old_answer_whatever_happened_since(world, act):
    params = {"session_key": world.key, "session_id": world.current, "message": "hello"}
    first = act(turn_submit, world.ana, "key-1", **params)
    world.reset(stop_run=True)
    before = everything()
    assert act(turn_submit, world.ana, "key-1", **params) == {**first, "duplicate": True}
    assert everything() == before


def test_a_message_never_lands_in_a_session_its_sender_did_not_mean(world, act):
    believed = world.current
    world.talk()
    moved = world.reset()
    with pytest.raises(SessionMovedError) as caught:
        act(turn_submit, world.ana, session_key=world.key, session_id=believed, message="for the old one")
    assert caught.value.details == {
        "sessionKey": world.key,
        "oldSessionId": moved["oldSessionId"],
        "newSessionId": moved["newSessionId"],
    }
    assert "for the old one" not in world.texts() + world.texts(believed)


@pytest.mark.django_db
def test_a_batch_is_decided_one_by_one_and_says_the_same_as_single_sends(world):
    zoe = person("zoe", "User")
    key, current = world.key, world.current
    wanted = [
        ({"message": "one"}, world.ana, "a"),
        ({"message": "/new"}, world.ana, "b"),
        ({"message": "stranger"}, zoe, "c"),
        ({"message": "one"}, world.ana, "a"),
        ({"message": "other"}, world.ana, "a"),
        ({"message": "stale", "session_id": UUID(int=7)}, world.ana, "d"),
        ({"message": "nowhere", "session_key": "agent:main:nowhere"}, world.ana, "e"),
        ({"message": "two"}, world.ana, "f"),
    ]
    commands = [
        command(turn_submit, actor, request, **{"session_key": key, "session_id": current, **params})
        for params, actor, request in wanted
    ]
    settled = turns_submit(commands)
    ends = [str(s.error.code) if s.error else s.answer["entrySeq"] for s in settled]
    conflict = "request_conflict"
    assert ends == [1, "session_control_required", "forbidden", 1, conflict, "session_moved", "not_found", 2]
    assert [s.answer["duplicate"] for s in settled if s.answer] == [False, True, False]
    assert world.texts() == ["one", "two"]
    assert [kind for kind, _ in events(key)] == ["entry.added", "entry.added"]
