"""Reset: what it writes, what it keeps of a running answer, what its marker says."""

from __future__ import annotations

from uuid import UUID

import pytest

from sessions_app.canonical import digest
from sessions_app.errors import ForbiddenError, InvalidParamsError, RunInFlightError, TextInvalidError, TooLargeError
from sessions_app.models import Entry, Run, Session, Span
from sessions_app.services.reset import reset_preview, session_reset
from sessions_app.services.runs import partials_save
from sessions_app.values import SYSTEM, Trigger
from tests.support.rows import added, audits, chain_digest, counts, events, everything, last_event


def confirmed(world, actor=None):
    """Parameters of a reset that a person has just confirmed."""
    preview = reset_preview(actor or world.ana, session_key=world.key)
    return {"session_key": world.key, "session_id": world.current, "confirmation": preview["token"]}


def test_a_reset_archives_the_session_and_points_the_key_at_an_empty_one(world, act):
    world.talk("one", "two")
    old, before = world.session, counts()
    answer = act(session_reset, world.ana, **confirmed(world), reason="a fresh start")
    new = world.session
    assert answer == {
        "sessionKey": world.key,
        "oldSessionId": str(old.pk),
        "newSessionId": str(new.pk),
        "archived": True,
        "auditId": audits()[-1]["id"],
    }
    assert added(before) == {"Session": 1, "Entry": 1, "Event": 2, "AuditEvent": 1, "Receipt": 1, "HookEvent": 2}
    assert (new.start_reason, new.start_actor, new.start_trigger, new.ended_at) == ("reset", "ana", "rpc", None)
    assert (new.parent_id, new.last_seq, new.messages) == (None, 1, 0)
    old.refresh_from_db()
    assert (old.end_reason, old.end_actor, old.end_trigger) == ("reset", "ana", "rpc")
    assert (old.last_seq, old.archived_seq, old.archived_digest) == (2, 2, chain_digest(old.pk))
    assert old.ended_at == new.started_at
    assert world.conversation.session_count == 2
    assert world.texts(old.pk) == ["one", "two"]


@pytest.mark.parametrize("message", [None, "and now this"])
def test_marker_audit_row_and_event_tell_the_same_story(world, act, message):
    world.talk()
    old, numbered, asked = world.current, last_event(world.key), confirmed(world)
    answer = act(
        session_reset,
        world.ana,
        "key-1",
        trigger=Trigger.SLASH_COMMAND,
        **asked,
        reason="  a fresh\n start ",
        message=message,
        command_text="/new and now this",
    )
    facts = {"withMessage": message is not None, "commandText": "/new and now this"}
    ids = {"oldSessionId": str(old), "newSessionId": answer["newSessionId"]}
    assert audits()[-1] == {
        "id": answer["auditId"],
        "type": "session.reset",
        "outcome": "ok",
        "actor": "ana",
        "actorKind": "user",
        "actorId": world.ana.id,
        "trigger": "slash-command",
        "sessionKey": world.key,
        **ids,
        "reason": "a fresh start",
        "requestId": "key-1",
        "data": {**facts, "confirmation": digest(asked["confirmation"])},
    }
    words = {
        **ids,
        "actor": "ana",
        "trigger": "slash-command",
        "reason": "a fresh start",
        "auditId": answer["auditId"],
        **facts,
    }
    marker = Entry.objects.get(session=world.session, seq=1)
    assert (marker.kind, marker.role, marker.text) == ("marker", "", "")
    assert marker.data == {"type": "session.reset", **words}
    told = events(world.key, numbered)
    assert told[0] == ("entry.added", {"sessionId": answer["newSessionId"], "seq": 1})
    at = told[1][1]["at"]
    assert told[1] == ("session.reset", {**words, "at": at})
    assert at == world.session.started_at.isoformat().replace("+00:00", "Z")


def test_a_message_that_comes_along_is_the_first_turn_of_the_new_session(world, act):
    world.talk()
    numbered, before = last_event(world.key), counts()
    answer = act(session_reset, world.ana, "key-1", **confirmed(world), message=" and now\nthis ")
    run = Run.objects.get(pk=answer["runId"])
    assert (run.session_id, run.state, run.input_seq, run.actor_label) == (world.current, "queued", 2, "ana")
    entry = Entry.objects.get(session=world.session, seq=2)
    assert (entry.role, entry.text, entry.run_id) == ("user", " and now\nthis ", run.pk)
    assert added(before) == {
        "Session": 1,
        "Entry": 2,
        "Run": 1,
        "Event": 3,
        "AuditEvent": 1,
        "Receipt": 1,
        "HookEvent": 2,
    }
    assert [kind for kind, _ in events(world.key, numbered)] == ["entry.added", "session.reset", "entry.added"]
    assert [row["inputSeq"] for row in world.claim()] == [2]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"message": "a\x00b"}, TextInvalidError),
        ({"message": " "}, InvalidParamsError),
        ({"message": "x" * 300_000}, TooLargeError),
        ({"reason": "x" * 501}, InvalidParamsError),
        ({"reason": "a\x00b"}, TextInvalidError),
        ({"command_text": "/new \x00"}, TextInvalidError),
        ({"command_text": "/new \ud83d"}, TextInvalidError),
    ],
)
def test_words_that_cannot_be_stored_refuse_the_whole_reset(world, act, params, error):
    world.talk()
    wanted, before = confirmed(world), everything()
    with pytest.raises(error):
        act(session_reset, world.ana, **wanted, **params)
    assert everything() == before
    assert audits()[-1]["outcome"] == "refused"


@pytest.mark.parametrize(("is_claimed", "state"), [(False, "queued"), (True, "running")])
def test_an_open_answer_refuses_the_reset(world, act, is_claimed, state):
    sent = world.say()
    if is_claimed:
        world.claim()
    before, wanted = everything(), confirmed(world)
    with pytest.raises(RunInFlightError) as caught:
        act(session_reset, world.ana, **wanted)
    assert caught.value.details == {"runId": sent["runId"], "state": state, "openRuns": 1}
    assert everything() == before
    assert (audits()[-1]["outcome"], audits()[-1]["data"]["error"]["code"]) == ("refused", "run_in_flight")


def test_stop_run_keeps_the_partial_answer_in_the_archive_and_withdraws_what_waits(world, act):
    runs, waits = world.say("runs"), world.say("waits")
    world.claim()
    world.do(partials_save, SYSTEM, partials={UUID(runs["runId"]): "half of"})
    old, numbered, wanted = world.current, last_event(world.key), confirmed(world)
    act(session_reset, world.ana, **wanted, stop_run=True)
    assert world.texts(old) == ["runs", "waits", "half of"]
    kept = Entry.objects.get(session=old, seq=3)
    assert (kept.role, kept.data, str(kept.run_id)) == ("assistant", {"state": "aborted"}, runs["runId"])
    states = dict(Run.objects.values_list("pk", "state"))
    assert states == {UUID(runs["runId"]): "aborted", UUID(waits["runId"]): "withdrawn"}
    archived = Session.objects.get(pk=old)
    assert (archived.last_seq, archived.archived_seq, archived.archived_digest) == (3, 3, chain_digest(old))
    told = [(kind, payload.get("state")) for kind, payload in events(world.key, numbered)]
    assert told == [
        ("entry.added", None),
        ("chat", "aborted"),
        ("run.changed", "withdrawn"),
        ("entry.added", None),
        ("session.reset", None),
    ]
    span = Span.objects.get()
    assert (span.close_reason, span.close_seq, span.closed_at) == ("reset", 3, archived.ended_at)
    assert world.claim() == []


def test_who_may_reset_but_not_chat_here_brings_no_message(world, act):
    world.talk()
    wanted, before = confirmed(world, world.operator), everything()
    with pytest.raises(ForbiddenError):
        act(session_reset, world.operator, **wanted, message="words in ana's mouth")
    assert everything() == before
    assert act(session_reset, world.operator, **wanted)["archived"] is True
    assert (audits()[-1]["actor"], world.session.start_actor) == ("olga", "olga")


def test_an_empty_session_can_be_reset_too(world, act):
    old = world.current
    act(session_reset, world.ana, **confirmed(world))
    archived = Session.objects.get(pk=old)
    assert (archived.archived_seq, archived.archived_digest, world.current != old) == (0, "", True)
