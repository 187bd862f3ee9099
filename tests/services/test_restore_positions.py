"""Continue from a checkpoint or from any entry: a new session with a parent, and nothing copied."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from sessions_app.errors import InvalidParamsError, NotFoundError
from sessions_app.models import Entry
from sessions_app.selectors.transcript import history
from sessions_app.services.branches import position_branch
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.conversations import conversation_create
from sessions_app.services.restore import archive_restore, checkpoint_restore, position_restore
from tests.support.rows import added, audits, chain_digest, counts, events, everything, last_event


def _mark(world, session_id=None, seq=None, label="here"):
    wanted = {"session_key": world.key, "session_id": session_id or world.current, "seq": seq, "label": label}
    return UUID(world.do(checkpoint_create, **wanted)["checkpointId"])


def _to_checkpoint(world, checkpoint_id, **more):
    ids = {"checkpoint_id": checkpoint_id, "expected_current_session_id": world.current}
    return {"session_key": world.key, **ids, **more}


def _to_position(world, session_id, seq):
    ids = {"session_id": session_id, "expected_current_session_id": world.current}
    return {"session_key": world.key, **ids, "seq": seq}


def _texts(world):
    return [entry["text"] for entry in history(world.ana, session_key=world.key)["entries"] if entry["role"]]


def test_a_new_session_with_the_checkpoint_as_parent_becomes_current(world, act):
    world.talk("one", "two")
    world.talk("three", "four")
    first, checkpoint_id = world.current, _mark(world, seq=2, label="before three")
    numbered, before = last_event(world.key), counts()
    answer = act(checkpoint_restore, world.ana, "key-1", **_to_checkpoint(world, checkpoint_id, reason="again"))
    new = world.session
    assert answer == {
        "sessionKey": world.key,
        "oldSessionId": str(first),
        "newSessionId": str(new.pk),
        "auditId": audits()[-1]["id"],
        "undo": {"sessionId": str(first)},
    }
    assert (new.parent_id, new.parent_seq, new.last_seq, new.messages, new.start_reason) == (first, 2, 3, 2, "restore")
    assert added(before) == {
        "Session": 1,
        "Entry": 1,
        "Event": 2,
        "AuditEvent": 1,
        "Receipt": 1,
        "HookEvent": 1,
    }  # the marker only
    assert _texts(world) == ["one", "two"]
    facts = {
        "checkpointId": str(checkpoint_id),
        "label": "before three",
        "parentSessionId": str(first),
        "parentSeq": 2,
    }
    ids = {"oldSessionId": str(first), "newSessionId": str(new.pk)}
    row = audits()[-1]
    assert row.items() >= {"type": "session.restored", "outcome": "ok", **ids, "reason": "again", "data": facts}.items()
    words = {**ids, "actor": "ana", "trigger": "rpc", "reason": "again", "auditId": row["id"], **facts}
    assert Entry.objects.get(session=new, seq=3).data == {"type": "checkpoint.restored", **words}
    told = events(world.key, numbered)
    at = told[1][1]["at"]
    assert told == [
        ("entry.added", {"sessionId": str(new.pk), "seq": 3}),
        ("session.restored", {**words, "at": at}),
    ]


def test_any_entry_can_be_gone_back_to(world, act):
    world.talk("one", "two")
    first = world.current
    answer = act(position_restore, world.ana, **_to_position(world, first, 1))
    assert _texts(world) == ["one"]
    row = audits()[-1]
    assert row["data"] == {"parentSessionId": str(first), "parentSeq": 1}
    marker = Entry.objects.get(session=world.current, seq=2)
    assert (marker.data["type"], marker.data["auditId"]) == ("position.restored", row["id"])
    assert (answer["undo"], world.conversation.session_count) == ({"sessionId": str(first)}, 2)


def test_the_digest_goes_on_from_the_parents(world, act):
    world.talk("one", "two")
    world.talk("three", "four")
    first = world.current
    act(position_restore, world.ana, **_to_position(world, first, 2))
    world.talk("other", "way")
    assert world.session.digest == chain_digest(world.current)
    assert _texts(world) == ["one", "two", "other", "way"]
    assert world.texts(first) == ["one", "two", "three", "four"]


def test_undo_brings_the_displaced_session_back_whole(world, act):
    world.talk("one", "two")
    first = world.current
    undo = act(position_restore, world.ana, **_to_position(world, first, 1))["undo"]
    back = {"session_id": UUID(undo["sessionId"]), "expected_current_session_id": world.current}
    act(archive_restore, world.ana, session_key=world.key, **back)
    assert (world.current, _texts(world)) == (first, ["one", "two"])


@pytest.mark.django_db
def test_a_checkpoint_works_after_any_number_of_later_resets(world):
    world.talk("one", "two")
    checkpoint_id = _mark(world, seq=1)
    for number in range(3):
        world.talk(f"later {number}")
        world.reset()
    world.do(checkpoint_restore, **_to_checkpoint(world, checkpoint_id))
    assert _texts(world) == ["one"]


@pytest.mark.django_db
def test_a_checkpoint_can_be_made_and_used_on_an_archived_session(world):
    world.talk("one", "two")
    first = world.current
    world.reset()
    checkpoint_id = _mark(world, first, 2)
    world.do(checkpoint_restore, **_to_checkpoint(world, checkpoint_id))
    assert _texts(world) == ["one", "two"]


@pytest.mark.django_db
def test_branches_of_branches_share_what_they_have_in_common(world):
    world.talk("one", "two")
    first = world.current
    lines = [["one", "two"]]
    for number in range(4):
        here, last = world.current, world.session.last_seq
        world.do(checkpoint_restore, **_to_checkpoint(world, _mark(world, here, last)))
        world.talk(f"question {number}", f"answer {number}")
        lines.append([*lines[-1], f"question {number}", f"answer {number}"])
        assert _texts(world) == lines[-1]
        assert world.session.digest == chain_digest(world.current)
    assert Entry.objects.filter(session=first).count() == 2
    deep = world.current
    world.do(position_restore, **_to_position(world, deep, 1))  # a position shared by all of them
    assert world.session.parent_id == first  # belongs to the session that owns the entry
    assert _texts(world) == ["one"]


@pytest.mark.django_db
def test_a_branch_of_a_branch_in_another_conversation_reads_through_both(world):
    world.talk("one", "two")
    branch = world.do(position_branch, session_key=world.key, session_id=world.current, seq=2)
    there = {"session_key": branch["sessionKey"], "session_id": UUID(branch["sessionId"])}
    again = world.do(position_branch, **there, seq=3)  # its own marker
    shown = history(world.ana, session_key=again["sessionKey"])["entries"]
    assert [(entry["seq"], entry["kind"]) for entry in shown] == [
        (1, "message"),
        (2, "message"),
        (3, "marker"),
        (4, "marker"),
    ]
    assert [entry["sessionId"] for entry in shown[2:]] == [branch["sessionId"], again["sessionId"]]


@pytest.mark.parametrize("seq", [0, -1, 3, 10**18])
def test_a_position_that_is_not_there_is_refused(world, act, seq):
    world.talk("one", "two")
    before = everything()
    with pytest.raises(InvalidParamsError) as caught:
        act(position_restore, world.ana, **_to_position(world, world.current, seq))
    assert caught.value.details["field"] == "seq"
    assert everything() == before


def test_what_belongs_to_another_conversation_is_not_found(world, act):
    world.talk()
    checkpoint_id = _mark(world)
    other = world.do(conversation_create, title="Other")
    there = {"session_key": other["sessionKey"], "expected_current_session_id": UUID(other["sessionId"])}
    before = everything()
    for unknown in (checkpoint_id, uuid4()):
        with pytest.raises(NotFoundError):
            act(checkpoint_restore, world.ana, checkpoint_id=unknown, **there)
    with pytest.raises(NotFoundError):
        act(position_restore, world.ana, session_id=world.current, seq=1, **there)
    assert everything() == before
