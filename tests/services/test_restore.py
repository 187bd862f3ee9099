"""Restore: the archived session itself comes back, the displaced one is archived; undo, and undo of undo."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError, RunInFlightError
from sessions_app.models import Conversation, Entry, Run, Session, Span
from sessions_app.selectors.archives import archive_list
from sessions_app.selectors.timeline import timeline
from sessions_app.selectors.transcript import history
from sessions_app.services.conversations import conversation_create
from sessions_app.services.restore import archive_restore
from sessions_app.services.runs import partials_save
from sessions_app.values import SYSTEM, ConversationKind
from tests.support.rows import added, audits, chain_digest, counts, events, everything, last_event


def _back(world, session_id, **more):
    return {
        "session_key": world.key,
        "session_id": UUID(str(session_id)),
        "expected_current_session_id": world.current,
        **more,
    }


def test_the_same_session_comes_back_and_the_displaced_one_is_archived(world, act):
    world.talk("one", "two")
    first = world.current
    world.reset()
    world.talk("three", "four")
    second, before = world.current, counts()
    answer = act(archive_restore, world.ana, **_back(world, first))
    assert answer == {
        "sessionKey": world.key,
        "oldSessionId": str(second),
        "newSessionId": str(first),
        "auditId": audits()[-1]["id"],
        "undo": {"sessionId": str(second)},
    }
    assert added(before) == {"Entry": 1, "Event": 2, "AuditEvent": 1, "Receipt": 1, "HookEvent": 1}
    back, displaced = world.session, Session.objects.get(pk=second)
    assert (back.pk, back.ended_at, back.end_reason, back.end_actor, back.end_trigger) == (first, None, "", "", "")
    assert (displaced.end_reason, displaced.end_actor, displaced.end_trigger) == ("restore", "ana", "rpc")
    assert (displaced.archived_seq, displaced.archived_digest) == (3, chain_digest(second))
    assert world.conversation.session_count == 2


def test_marker_audit_row_and_event_tell_the_same_story(world, act):
    world.talk()
    first = world.current
    second, numbered = world.reset()["newSessionId"], last_event(world.key)
    answer = act(archive_restore, world.ana, "key-1", trigger="ui-button", **_back(world, first, reason="oops"))
    ids = {"oldSessionId": second, "newSessionId": str(first)}
    assert audits()[-1] == {
        "id": answer["auditId"],
        "type": "session.restored",
        "outcome": "ok",
        "actor": "ana",
        "actorKind": "user",
        "actorId": world.ana.id,
        "trigger": "ui-button",
        "sessionKey": world.key,
        **ids,
        "reason": "oops",
        "requestId": "key-1",
        "data": {},
    }
    words = {**ids, "actor": "ana", "trigger": "ui-button", "reason": "oops", "auditId": answer["auditId"]}
    marker = Entry.objects.get(session=first, seq=3)
    assert (marker.kind, marker.data) == ("marker", {"type": "session.restored", **words})
    told = events(world.key, numbered)
    at = told[1][1].get("at")
    assert told == [
        ("entry.added", {"sessionId": str(first), "seq": 3}),
        ("session.restored", {**words, "at": at}),
    ]
    assert at == marker.created_at.isoformat().replace("+00:00", "Z")


def test_the_transcript_is_what_it_was_when_it_was_archived(world, act):
    for number in range(3):
        world.talk(f"question {number}", f"answer {number} ✓")
    first, digest = world.current, world.session.digest
    shown = history(world.ana, session_key=world.key)["entries"]
    world.reset()
    assert Session.objects.get(pk=first).archived_digest == digest == chain_digest(first)
    act(archive_restore, world.ana, **_back(world, first))
    back = world.session
    assert (back.archived_seq, back.archived_digest) == (6, digest)
    assert chain_digest(first, 6) == digest
    assert history(world.ana, session_key=world.key, before_seq=7)["entries"] == shown
    assert back.digest == chain_digest(first)  # the chain goes on over the marker


def test_undo_and_undo_of_undo(world, act):
    world.talk("one", "two")
    first = world.current
    undo, seen = UUID(world.reset()["oldSessionId"]), [first]
    for _ in range(4):
        answer = act(archive_restore, world.ana, **_back(world, undo))
        assert world.current == undo
        undo = UUID(answer["undo"]["sessionId"])
        seen.append(world.current)
    assert len(set(seen)) == 2
    assert world.conversation.session_count == 2
    assert world.texts(first) == ["one", "two"]
    for session in Session.objects.filter(conversation=world.conversation):
        assert session.digest == chain_digest(session.pk)


def test_both_sessions_are_always_listed(world, act):
    world.talk()
    first = world.current
    second = UUID(world.reset()["newSessionId"])
    for wanted in (first, second, first):
        act(archive_restore, world.ana, **_back(world, wanted))
        items = timeline(world.ana, session_key=world.key)["items"]
        assert {item["sessionId"] for item in items} == {str(first), str(second)}
        assert [item["sessionId"] for item in items if item["isCurrent"]] == [str(wanted)]
        archived = archive_list(world.ana, session_key=world.key)["archives"]
        assert [row["sessionId"] for row in archived] == [str({first: second, second: first}[wanted])]


def test_the_current_session_cannot_be_restored(world, act):
    before = everything()
    with pytest.raises(InvalidParamsError):
        act(archive_restore, world.ana, **_back(world, world.current))
    assert everything() == before


def test_a_session_of_another_conversation_is_not_found(world, act):
    other = world.do(conversation_create, title="Other")
    before = everything()
    for session_id in (other["sessionId"], uuid4()):
        with pytest.raises(NotFoundError):
            act(archive_restore, world.ana, **_back(world, session_id))
    assert everything() == before
    assert [row["outcome"] for row in audits()[-2:]] == ["refused", "refused"]


@pytest.mark.parametrize("is_claimed", [False, True], ids=["queued", "running"])
def test_an_open_answer_refuses_the_restore(world, act, is_claimed):
    world.talk()
    first = world.current
    world.reset()
    world.say()
    if is_claimed:
        world.claim()
    before = everything()
    with pytest.raises(RunInFlightError):
        act(archive_restore, world.ana, **_back(world, first))
    assert everything() == before
    assert audits()[-1]["data"]["error"]["code"] == "run_in_flight"


def test_stop_run_keeps_the_partial_answer_in_the_session_that_steps_aside(world, act):
    world.talk()
    first = world.current
    world.reset()
    second, sent = world.current, world.say("question")
    world.claim()
    world.do(partials_save, SYSTEM, partials={UUID(sent["runId"]): "half of"})
    act(archive_restore, world.ana, **_back(world, first, stop_run=True))
    assert world.texts(second) == ["question", "half of"]
    aside = Session.objects.get(pk=second)
    assert (aside.archived_seq, aside.archived_digest) == (3, chain_digest(second))
    assert Run.objects.get(pk=sent["runId"]).state == "aborted"
    span = Span.objects.get(session=second)
    assert (span.close_reason, span.close_seq) == ("restore", 3)


@pytest.mark.django_db
def test_talk_goes_on_in_the_session_that_came_back(world):
    world.talk("one", "two")
    first = world.current
    world.reset()
    world.do(archive_restore, **_back(world, first))
    world.talk("three", "four")
    assert world.texts(first) == ["one", "two", "three", "four"]
    assert list(Span.objects.order_by("opened_at").values_list("open_reason", "close_reason")) == [
        ("new", "reset"),
        ("restore", ""),
    ]


def test_an_operator_may_restore_for_others_and_is_named(world, act):
    world.talk()
    first = world.current
    world.reset()
    act(archive_restore, world.operator, **_back(world, first))
    assert (audits()[-1]["actor"], Entry.objects.get(session=first, seq=3).data["actor"]) == ("olga", "olga")


def test_the_record_of_a_scheduled_job_is_not_resumed(world, act):
    world.talk()
    first = world.current
    world.reset()
    Conversation.objects.filter(key=world.key).update(kind=ConversationKind.CRON)
    now = world.current
    with pytest.raises(ForbiddenError):
        act(archive_restore, world.ana, **_back(world, first))
    assert world.current == now
