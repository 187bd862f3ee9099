"""Checkpoints: made from any entry of any session, renamed, never in the way."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from sessions_app.errors import InvalidParamsError, NotFoundError, TextInvalidError
from sessions_app.models import Checkpoint
from sessions_app.selectors.checkpoints import checkpoint_list
from sessions_app.services.checkpoints import checkpoint_create, checkpoint_rename
from sessions_app.services.conversations import conversation_create
from sessions_app.services.restore import position_restore
from tests.support.rows import added, audits, counts, events, everything, last_event


def _here(world, **more):
    return {"session_key": world.key, "session_id": world.current, **more}


def test_a_checkpoint_is_a_bookmark_and_copies_nothing(world, act):
    world.talk()
    numbered, before = last_event(world.key), counts()
    made = act(
        checkpoint_create, world.ana, "key-1", trigger="ui-button", **_here(world, seq=1, label=" before \n it ")
    )
    row = Checkpoint.objects.get()
    assert made == {
        "checkpointId": str(row.pk),
        "sessionId": str(world.current),
        "seq": 1,
        "kind": "manual",
        "label": "before it",
        "createdAt": row.created_at.isoformat().replace("+00:00", "Z"),
        "actor": "ana",
        "trigger": "ui-button",
    }
    assert added(before) == {"Checkpoint": 1, "Event": 1, "AuditEvent": 1, "Receipt": 1}
    assert world.conversation.checkpoint_count == 1
    facts = {"checkpointId": str(row.pk), "seq": 1, "label": "before it"}
    assert events(world.key, numbered) == [("checkpoint.changed", {**facts, "sessionId": str(world.current)})]
    session_id = str(world.current)
    assert audits()[-1] == {
        "id": audits()[-1]["id"],
        "type": "checkpoint.created",
        "outcome": "ok",
        "actor": "ana",
        "actorKind": "user",
        "actorId": world.ana.id,
        "trigger": "ui-button",
        "sessionKey": world.key,
        "oldSessionId": session_id,
        "newSessionId": session_id,
        "reason": "",
        "requestId": "key-1",
        "data": facts,
    }


def test_without_a_position_it_is_the_newest_entry(world, act):
    world.talk()
    assert act(checkpoint_create, world.ana, **_here(world))["seq"] == 2


def test_it_can_be_made_while_an_answer_runs(world, act):
    world.say()
    world.claim()
    assert act(checkpoint_create, world.ana, **_here(world))["seq"] == 1


def test_an_entry_shared_with_the_parent_can_be_bookmarked_in_the_branch(world, act):
    world.talk()
    old = world.current
    world.do(position_restore, **_here(world, seq=2), expected_current_session_id=old)
    made = act(checkpoint_create, world.ana, **_here(world, seq=1))
    assert (made["sessionId"], made["seq"]) == (str(world.current), 1)


@pytest.mark.parametrize("seq", [0, -1, 3, 10**18])
def test_an_entry_that_is_not_there_cannot_be_bookmarked(world, act, seq):
    world.talk()
    before = everything()
    with pytest.raises(InvalidParamsError):
        act(checkpoint_create, world.ana, **_here(world, seq=seq))
    assert everything() == before


def test_an_empty_session_has_nothing_to_bookmark(world, act):
    with pytest.raises(InvalidParamsError):
        act(checkpoint_create, world.ana, **_here(world))


@pytest.mark.parametrize(("label", "error"), [("x" * 201, InvalidParamsError), ("a\x00b", TextInvalidError)])
def test_a_label_that_does_not_fit_is_refused(world, act, label, error):
    world.talk()
    made = world.do(checkpoint_create, **_here(world))
    before = everything()
    with pytest.raises(error):
        act(checkpoint_create, world.ana, **_here(world, label=label))
    with pytest.raises(error):
        act(
            checkpoint_rename,
            world.ana,
            session_key=world.key,
            checkpoint_id=UUID(made["checkpointId"]),
            label=label,
        )
    assert everything() == before


def test_a_renamed_checkpoint_stays_where_it_is(world, act):
    world.talk()
    made = world.do(checkpoint_create, **_here(world, seq=1, label="before"))
    numbered = last_event(world.key)
    wanted = {"session_key": world.key, "checkpoint_id": UUID(made["checkpointId"]), "label": "after"}
    assert act(checkpoint_rename, world.ana, **wanted) == {**made, "label": "after"}
    facts = {"checkpointId": made["checkpointId"], "seq": 1, "label": "after"}
    assert events(world.key, numbered) == [("checkpoint.changed", {**facts, "sessionId": str(world.current)})]
    row = audits()[-1]
    assert (row["type"], row["outcome"], row["data"]) == ("checkpoint.changed", "ok", facts)
    assert checkpoint_list(world.ana, session_key=world.key)["checkpoints"] == [{**made, "label": "after"}]


def test_what_belongs_to_another_conversation_is_not_found(world, act):
    world.talk()
    made = world.do(checkpoint_create, **_here(world))
    other = world.do(conversation_create, title="Other")["sessionKey"]
    before = everything()
    with pytest.raises(NotFoundError):
        act(checkpoint_create, world.ana, session_key=other, session_id=world.current)
    for unknown in (UUID(made["checkpointId"]), uuid4()):
        with pytest.raises(NotFoundError):
            act(checkpoint_rename, world.ana, session_key=other, checkpoint_id=unknown, label="x")
    assert everything() == before
