"""What a reset keeps and what it clears: a test for each row of the table in docs/reset.md."""

from __future__ import annotations

from uuid import UUID

import pytest

from sessions_app.errors import SessionMovedError
from sessions_app.models import Conversation, Run
from sessions_app.selectors.archives import archive_list
from sessions_app.selectors.checkpoints import checkpoint_list
from sessions_app.selectors.context import context_messages
from sessions_app.selectors.transcript import history
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.conversations import conversation_patch
from sessions_app.services.reset import CLEARED, KEPT
from sessions_app.services.turns import turn_submit
from tests.support.rows import chain_digest

pytestmark = pytest.mark.django_db


def _column(name, value):
    def check(world):
        Conversation.objects.filter(key=world.key).update(**{name: value})
        world.reset()
        assert getattr(world.conversation, name) == value

    return check


def _lock(world):
    world.do(conversation_patch, session_key=world.key, locked=True)
    world.reset(typed_key=world.key, reason="it is time")
    assert world.conversation.locked


def _title(world):
    world.do(conversation_patch, session_key=world.key, title="Kept")
    world.reset()
    assert world.conversation.title == "Kept"


def _checkpoints(world):
    world.talk()
    made = world.do(checkpoint_create, session_key=world.key, session_id=world.current, label="kept")
    world.reset()
    assert checkpoint_list(world.ana, session_key=world.key)["checkpoints"] == [made]


def _archive(world):
    world.talk("one", "two")
    old, digest = world.current, world.session.digest
    world.reset()
    (archived,) = archive_list(world.ana, session_key=world.key)["archives"]
    assert (archived["sessionId"], archived["digest"]) == (str(old), digest)
    shown = history(world.ana, session_key=world.key, session_id=old)["entries"]
    assert [entry["text"] for entry in shown] == ["one", "two"]
    assert chain_digest(old) == digest


def _context(world):
    world.talk("secret of the old session", "noted")
    sent = UUID(world.reset(message="what do you know?")["newSessionId"])
    messages, left_out = context_messages(sent, 2, max_bytes=100_000)
    assert ([message.text for message in messages], left_out) == (["what do you know?"], 0)


def _queue(world):
    world.say("runs")
    world.claim()
    world.say("waits")
    world.reset(stop_run=True)
    assert set(Run.objects.values_list("state", flat=True)) == {"aborted", "withdrawn"}
    assert world.claim() == []


def _drafts(world):
    believed = world.current
    world.reset()
    with pytest.raises(SessionMovedError):  # what was typed for the old session cannot slip into the new one
        world.do(turn_submit, session_key=world.key, session_id=believed, message="a draft for the old session")
    assert world.texts() == []


KEPT_BY = {
    "title": _title,
    "agent": _column("agent", "writer"),
    "pin": _column("pinned", True),
    "lock": _lock,
    "checkpoints": _checkpoints,
    "the archived session itself": _archive,
}
CLEARED_BY = {
    "the agent's view of earlier messages": _context,
    "messages waiting for an answer": _queue,
    "unsent drafts": _drafts,
}


def test_every_row_of_the_table_has_its_test():
    assert (tuple(KEPT_BY), tuple(CLEARED_BY)) == (KEPT, CLEARED)


@pytest.mark.parametrize("row", KEPT_BY)
def test_a_reset_keeps(world, row):
    KEPT_BY[row](world)


@pytest.mark.parametrize("row", CLEARED_BY)
def test_a_reset_clears(world, row):
    CLEARED_BY[row](world)
