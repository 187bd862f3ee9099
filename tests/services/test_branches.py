"""Branch: a conversation of one's own that starts from a past position; the source is left as it was."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError, ReasonRequiredError
from sessions_app.models import Conversation, Entry, Session
from sessions_app.selectors.transcript import history
from sessions_app.services.branches import checkpoint_branch, position_branch
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.conversations import conversation_create
from sessions_app.services.reading import session_open
from sessions_app.services.turns import turn_submit
from tests.support.rows import added, audits, chain_digest, counts, events, everything, last_event


def _from(world, seq=1, **more):
    return {"session_key": world.key, "session_id": world.current, "seq": seq, **more}


def test_a_branch_is_a_new_conversation_and_the_source_stays_as_it_was(world, act):
    world.talk("one", "two")
    source, numbered, before = world.session, last_event(world.key), counts()
    answer = act(position_branch, world.ana, "key-1", **_from(world, title="Another way"))
    branch = Conversation.objects.get(key=answer["sessionKey"])
    new = Session.objects.get(pk=answer["sessionId"])
    assert answer == {"sessionKey": "agent:main:another-way", "sessionId": str(branch.current_session_id)}
    assert (branch.title, branch.agent, branch.owner_id, branch.session_count) == (
        "Another way",
        "main",
        world.ana.user_id,
        1,
    )
    assert (new.parent_id, new.parent_seq, new.last_seq, new.messages, new.start_reason) == (
        source.pk,
        1,
        2,
        1,
        "branch",
    )
    assert added(before) == {"Conversation": 1, "Session": 1, "Entry": 1, "Event": 2, "AuditEvent": 1, "Receipt": 1}
    assert (world.session.digest, world.session.last_seq, world.current) == (source.digest, 2, source.pk)
    facts = {
        "parentSessionId": str(source.pk),
        "parentSeq": 1,
        "fromKey": world.key,
        "toKey": branch.key,
    }
    ids = {"oldSessionId": str(source.pk), "newSessionId": str(new.pk)}
    row = audits()[-1]
    assert row == {
        "id": row["id"],
        "type": "session.branched",
        "outcome": "ok",
        "actor": "ana",
        "actorKind": "user",
        "actorId": world.ana.id,
        "trigger": "rpc",
        "sessionKey": world.key,
        **ids,
        "reason": "",
        "requestId": "key-1",
        "data": facts,
    }
    words = {"actor": "ana", "trigger": "rpc", "auditId": row["id"], **facts, **ids}
    assert Entry.objects.get(session=new).data == {"type": "session.branched", **words}
    assert events(world.key, numbered) == [("session.branched", words)]
    assert events(branch.key) == [("entry.added", {"sessionId": str(new.pk), "seq": 2})]


def test_a_checkpoint_gives_its_label_to_the_branch(world, act):
    world.talk()
    made = world.do(checkpoint_create, session_key=world.key, session_id=world.current, seq=1, label="Plan B")
    wanted = {"session_key": world.key, "checkpoint_id": UUID(made["checkpointId"])}
    assert act(checkpoint_branch, world.ana, **wanted)["sessionKey"] == "agent:main:plan-b"
    assert audits()[-1]["data"]["checkpointId"] == made["checkpointId"]
    again = act(checkpoint_branch, world.ana, **wanted)
    assert again["sessionKey"] == "agent:main:plan-b-2"


@pytest.mark.django_db
def test_without_a_title_it_is_called_after_its_source(world):
    world.talk()
    made = world.do(position_branch, **_from(world))
    assert Conversation.objects.get(key=made["sessionKey"]).title == "Branch of Release planning"


@pytest.mark.django_db
def test_both_lines_go_on_by_themselves(world):
    world.talk("one", "two")
    made = world.do(position_branch, **_from(world, 2))
    there = {"session_key": made["sessionKey"], "session_id": UUID(made["sessionId"])}
    world.do(turn_submit, **there, message="there")
    world.talk("here", "yes")
    world.claim()
    shown = history(world.ana, session_key=made["sessionKey"])["entries"]
    assert [entry["text"] for entry in shown if entry["role"]] == ["one", "two", "there"]
    assert world.texts() == ["one", "two", "here", "yes"]
    assert Session.objects.get(pk=made["sessionId"]).digest == chain_digest(made["sessionId"])


@pytest.mark.django_db
def test_a_branch_of_an_archived_session(world):
    world.talk("one", "two")
    wanted = _from(world, 2)
    world.reset()
    made = world.do(position_branch, **wanted)
    assert [entry["text"] for entry in history(world.ana, session_key=made["sessionKey"])["entries"]][:2] == [
        "one",
        "two",
    ]


def test_an_operator_owns_the_branch_they_make_of_somebody_elses(world, act):
    world.talk()
    with pytest.raises(ReasonRequiredError):  # a branch is one's own, and shows what it came from
        act(position_branch, world.operator, **_from(world))
    act(session_open, world.operator, session_key=world.key, session_id=world.current, reason="ticket 7")
    made = act(position_branch, world.operator, **_from(world))
    assert Conversation.objects.get(key=made["sessionKey"]).owner_id == world.operator.user_id
    with pytest.raises(ForbiddenError):
        history(world.ana, session_key=made["sessionKey"])


@pytest.mark.parametrize("seq", [0, -1, 3])
def test_a_position_that_is_not_there_is_refused(world, act, seq):
    world.talk()
    before = everything()
    with pytest.raises(InvalidParamsError):
        act(position_branch, world.ana, **_from(world, seq))
    assert everything() == before


def test_what_belongs_to_another_conversation_is_not_found(world, act):
    world.talk()
    other = world.do(conversation_create, title="Other")["sessionKey"]
    before = everything()
    with pytest.raises(NotFoundError):
        act(position_branch, world.ana, **{**_from(world), "session_key": other})
    with pytest.raises(NotFoundError):
        act(checkpoint_branch, world.ana, session_key=other, checkpoint_id=uuid4())
    assert everything() == before
