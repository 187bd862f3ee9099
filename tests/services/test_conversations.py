"""Making and changing conversations."""

from __future__ import annotations

import pytest

from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError, TextInvalidError
from sessions_app.models import Conversation
from sessions_app.selectors.conversations import conversation_get
from sessions_app.services.conversations import conversation_create, conversation_patch, key_slug
from sessions_app.values import SYSTEM
from tests.support.rows import added, audits, counts, events, everything, history_rows, last_event


def test_a_conversation_begins_with_one_empty_session(world, act):
    before = counts()
    made = act(conversation_create, world.bob, "key-1", trigger="ui-button", title=" Über\nuns ", agent="writer")
    row = Conversation.objects.select_related("current_session").get(key=made["sessionKey"])
    assert made == {"sessionKey": "agent:writer:uber-uns", "sessionId": str(row.current_session_id)}
    assert (row.title, row.agent, row.kind, row.owner_id) == ("Über uns", "writer", "chat", world.bob.user_id)
    assert (row.session_count, row.checkpoint_count, row.last_event, row.pinned, row.locked) == (1, 0, 0, False, False)
    session = row.current_session
    assert (session.start_reason, session.start_actor, session.start_trigger) == ("new", "bob", "ui-button")
    assert (session.last_seq, session.messages, session.digest, session.ended_at) == (0, 0, "", None)
    assert added(before) == {"Conversation": 1, "Session": 1, "AuditEvent": 1, "Receipt": 1}
    assert audits()[-1] == {
        "id": audits()[-1]["id"],
        "type": "conversation.created",
        "outcome": "ok",
        "actor": "bob",
        "actorKind": "user",
        "actorId": world.bob.id,
        "trigger": "ui-button",
        "sessionKey": "agent:writer:uber-uns",
        "oldSessionId": None,
        "newSessionId": str(session.pk),
        "reason": "",
        "requestId": "key-1",
        "data": {"title": "Über uns", "agent": "writer"},
    }


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Invoices 2024", "invoices-2024"),
        ("  --a  b--  ", "a-b"),
        ("日本", "chat"),
        ("", "chat"),
        ("x" * 100, "x" * 60),
        ("../etc/passwd", "etc-passwd"),
    ],
)
def test_a_key_is_made_of_small_letters_digits_and_dashes(name, slug):
    assert key_slug(name) == slug


@pytest.mark.django_db
def test_a_taken_key_gets_a_number(world):
    keys = [world.do(conversation_create, title="Notes")["sessionKey"] for _ in range(3)]
    assert keys == ["agent:main:notes", "agent:main:notes-2", "agent:main:notes-3"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"session_key": "agent:main:ana"}, "sessionKey"),
        ({"session_key": "agent:other:notes"}, "sessionKey"),
        ({"session_key": "notes"}, "sessionKey"),
        ({"session_key": "agent:main:"}, "sessionKey"),
        ({"session_key": "agent:main:Notes"}, "sessionKey"),
        ({"session_key": "agent:main:notes\n"}, "sessionKey"),
        ({"session_key": "agent:main:" + "x" * 200}, "sessionKey"),
        ({"agent": "Main"}, "agent"),
        ({"agent": "a:b"}, "agent"),
        ({"agent": "main\n"}, "agent"),
        ({"agent": ""}, "agent"),
        ({"title": "x" * 201}, "title"),
    ],
)
def test_a_name_of_another_form_is_refused(world, act, params, field):
    before = everything()
    with pytest.raises(InvalidParamsError) as caught:
        act(conversation_create, world.ana, **params)
    assert caught.value.details["field"] == field
    assert everything() == before


def test_the_system_owns_no_conversation(world, act):
    with pytest.raises(InvalidParamsError):
        act(conversation_create, SYSTEM, title="x")


def test_a_patch_changes_what_it_names_and_nothing_else(world, act):
    numbered, before, old = last_event(world.key), counts(), world.conversation
    changed = act(conversation_patch, world.ana, "key-1", session_key=world.key, title="Invoices", pinned=True)
    assert changed == conversation_get(world.ana, session_key=world.key)
    assert (changed["title"], changed["pinned"], changed["locked"]) == ("Invoices", True, False)
    assert added(before) == {"Event": 1, "AuditEvent": 1, "Receipt": 1}
    now = {"title": "Invoices", "pinned": True, "locked": False}
    assert events(world.key, numbered) == [("conversation.changed", now)]
    assert world.current == old.current_session_id
    row = audits()[-1]
    assert (row["type"], row["outcome"], row["sessionKey"]) == ("conversation.changed", "ok", world.key)
    assert (row["oldSessionId"], row["newSessionId"]) == (None, None)
    assert row["data"] == {
        "before": {"title": "Release planning", "pinned": False},
        "after": {"title": "Invoices", "pinned": True},
    }


@pytest.mark.parametrize("params", [{}, {"title": "Release planning"}, {"pinned": False, "locked": False}])
def test_a_patch_that_changes_nothing_writes_nothing(world, act, params):
    before, seen = history_rows(), len(audits())
    act(conversation_patch, world.ana, session_key=world.key, **params)
    assert (history_rows(), len(audits())) == (before, seen)


@pytest.mark.parametrize("who", ["bob", "operator", "auditor"])
def test_only_the_owner_and_who_manages_change_it(world, act, who):
    with pytest.raises(ForbiddenError):
        act(conversation_patch, getattr(world, who), session_key=world.key, title="mine")
    assert act(conversation_patch, world.admin, session_key=world.key, title="tidied")["title"] == "tidied"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"session_key": "agent:main:nowhere", "title": "x"}, NotFoundError),
        ({"title": "a\x00b"}, TextInvalidError),
        ({"title": "x" * 201}, InvalidParamsError),
    ],
)
def test_a_patch_that_makes_no_sense_is_refused(world, act, params, error):
    before = everything()
    with pytest.raises(error):
        act(conversation_patch, world.ana, **{"session_key": world.key, **params})
    assert everything() == before


def test_a_title_may_be_emptied(world, act):
    assert act(conversation_patch, world.ana, session_key=world.key, title="")["title"] == ""
