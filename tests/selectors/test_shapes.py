"""What the lists and pages say: their words, their filters, and who sees what."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from sessions_app.errors import ForbiddenError, NotFoundError
from sessions_app.selectors.archives import archive_list, archive_preview
from sessions_app.selectors.audit import audit_head, audit_list, audit_verify
from sessions_app.selectors.checkpoints import checkpoint_preview
from sessions_app.selectors.conversations import conversation_get, conversation_list
from sessions_app.selectors.sessions import session_get
from sessions_app.selectors.timeline import timeline
from sessions_app.selectors.transcript import history
from sessions_app.services.branches import position_branch
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.conversations import conversation_create, conversation_patch
from sessions_app.services.reading import session_open
from sessions_app.services.restore import position_restore
from sessions_app.services.turn_control import turn_retry

pytestmark = pytest.mark.django_db


def _keys(answer):
    return [row["sessionKey"] for row in answer["sessions"]]


def test_a_conversation_as_lists_have_it(world):
    world.talk("one", "two")
    world.do(checkpoint_create, session_key=world.key, session_id=world.current)
    world.reset()
    world.say("waits")
    row = conversation_get(world.ana, session_key=world.key)
    conversation = world.conversation
    assert (
        row.items()
        >= {
            "sessionKey": world.key,
            "sessionId": str(world.current),
            "conversationId": str(conversation.pk),
            "title": "Release planning",
            "kind": "chat",
            "agent": "main",
            "owner": "ana",
            "pinned": False,
            "locked": False,
            "entries": 2,
            "messages": 1,
            "archivedCount": 1,
            "checkpointCount": 1,
            "lastEvent": conversation.last_event,
            "running": False,
            "queued": 1,
            "lastRunState": "queued",
        }.items()
    )
    assert row["updatedAt"] == conversation.updated_at.isoformat().replace("+00:00", "Z")
    world.claim()
    row = conversation_get(world.ana, session_key=world.key)
    assert (row["running"], row["queued"], row["lastRunState"]) == (True, 0, "running")
    assert conversation_list(world.ana)["sessions"] == [row]


def test_the_last_run_is_the_newest_attempt(world):
    sent = world.talk()
    world.do(turn_retry, session_key=world.key, session_id=world.current, run_id=UUID(sent["runId"]))
    assert conversation_get(world.ana, session_key=world.key)["lastRunState"] == "queued"


def test_everybody_sees_their_own_and_who_may_sees_all(world):
    everything = ["agent:main:ana", "agent:main:main"]
    assert _keys(conversation_list(world.ana)) == [world.key]
    assert _keys(conversation_list(world.bob)) == []
    for actor in (world.operator, world.auditor, world.admin):
        assert sorted(_keys(conversation_list(actor))) == everything
    assert _keys(conversation_list(world.admin, mine=True)) == ["agent:main:main"]
    assert _keys(conversation_list(world.admin, owner="ana")) == [world.key]
    assert _keys(conversation_list(world.bob, owner="ana")) == []


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("release", True),
        ("PLAN rel", True),
        ("main:ana", True),
        ("%", False),
        ("_", False),
        ("release x", False),
        ("", True),
    ],
)
def test_words_are_searched_in_title_and_key(world, query, is_found):
    assert (world.key in _keys(conversation_list(world.ana, query=query))) == is_found


def test_lists_are_newest_first_and_filtered_by_kind(world):
    made = world.do(conversation_create, title="Newer")
    assert _keys(conversation_list(world.ana)) == [made["sessionKey"], world.key]
    world.say()
    assert _keys(conversation_list(world.ana)) == [world.key, made["sessionKey"]]
    world.do(conversation_patch, session_key=made["sessionKey"], pinned=True)
    assert len(_keys(conversation_list(world.ana, kind="chat"))) == 2
    assert _keys(conversation_list(world.ana, kind="cron")) == []


def test_archives_are_filtered(world):
    world.talk()
    old = world.current
    world.reset(world.operator)
    (row,) = archive_list(world.ana)["archives"]
    assert (
        row.items()
        >= {
            "sessionKey": world.key,
            "title": "Release planning",
            "sessionId": str(old),
            "entries": 2,
            "messages": 2,
            "endReason": "reset",
            "actor": "olga",
            "trigger": "rpc",
        }.items()
    )
    found = [{"session_key": world.key}, {"query": "planning"}, {"query": str(old)}, {"query": old.hex[:8]}]
    found += [{"trigger": "rpc"}, {"archived_by": "olga"}]
    for wanted in found:
        assert archive_list(world.ana, **wanted)["archives"] == [row]
    for wanted in ({"query": "nothing"}, {"trigger": "cli"}, {"archived_by": "ana"}, {"query": uuid4().hex}):
        assert archive_list(world.ana, **wanted)["archives"] == []
    assert archive_list(world.bob)["archives"] == []
    assert archive_list(world.auditor)["archives"] == [row]
    with pytest.raises(ForbiddenError):
        archive_list(world.bob, session_key=world.key)


def test_previews_tell_what_comes_back_and_what_steps_aside(world):
    world.talk("one", "two")
    old = world.current
    made = world.do(checkpoint_create, session_key=world.key, session_id=old, seq=1)
    world.reset()
    preview = archive_preview(world.ana, session_key=world.key, session_id=old)
    back = preview["comesBack"]
    assert (back["entries"], back["messages"], back["checkpoints"]) == (2, 2, 1)
    assert (back["first"]["text"], back["last"]["text"]) == ("one", "two")
    assert preview["stepsAside"] == {"sessionId": str(world.current), "entries": 1, "messages": 0}
    assert preview["unchanged"]
    of_checkpoint = checkpoint_preview(world.ana, session_key=world.key, checkpoint_id=UUID(made["checkpointId"]))
    back = of_checkpoint["comesBack"]
    assert (back["entries"], back["messages"], back["first"]["text"], back["last"]["text"]) == (1, 1, "one", "one")
    assert (of_checkpoint["seq"], of_checkpoint["sessionId"]) == (1, str(old))


def test_a_session_page_knows_lineage_branches_and_runs(world):
    world.talk("one", "two")
    old = world.current
    world.do(position_restore, session_key=world.key, session_id=old, seq=1, expected_current_session_id=old)
    branch = world.do(position_branch, session_key=world.key, session_id=old, seq=2)
    page = session_get(world.ana, session_id=old)
    assert (page["isCurrent"], page["endReason"], page["runs"]) == (False, "restore", {"done": 1})
    assert [(row["sessionKey"], row["parentSeq"]) for row in page["branches"]] == [
        (branch["sessionKey"], 2),
        (world.key, 1),
    ]
    page = session_get(world.ana, session_id=world.current)
    assert page["lineage"] == [
        {"sessionId": str(world.current), "fromSeq": 2, "toSeq": 2},
        {"sessionId": str(old), "fromSeq": 1, "toSeq": 1},
    ]
    assert (page["isCurrent"], page["parentSessionId"], page["parentSeq"]) == (True, str(old), 1)
    with pytest.raises(NotFoundError):
        session_get(world.ana, session_id=uuid4())
    with pytest.raises(ForbiddenError):
        session_get(world.bob, session_id=old)


def test_the_timeline_holds_sessions_and_checkpoints_newest_first(world):
    world.talk()
    old = world.current
    made = world.do(checkpoint_create, session_key=world.key, session_id=old)
    world.reset()
    items = timeline(world.ana, session_key=world.key)["items"]
    assert [item.get("checkpointId", item["sessionId"]) for item in items] == [
        str(world.current),
        made["checkpointId"],
        str(old),
    ]
    assert [item["type"] for item in items] == ["session", "checkpoint", "session"]


@pytest.mark.parametrize(
    "read",
    [
        lambda actor, key: history(actor, session_key=key),
        lambda actor, key: timeline(actor, session_key=key),
        lambda actor, key: conversation_get(actor, session_key=key),
        lambda actor, _: audit_list(actor),
        lambda actor, _: audit_verify(actor),
        lambda actor, _: audit_head(actor),
    ],
)
def test_strangers_read_nothing(world, read):
    with pytest.raises(ForbiddenError):
        read(world.bob, world.key)
    world.do(session_open, world.auditor, session_key=world.key, session_id=world.current, reason="ticket 7")
    read(world.auditor, world.key)


def test_a_session_of_another_conversation_is_not_in_this_ones_history(world):
    made = world.do(conversation_create, title="Other")
    with pytest.raises(NotFoundError):
        history(world.ana, session_key=world.key, session_id=UUID(made["sessionId"]))
