"""Turns that a stop cut off: all of them, newest stop first, in pages, and only where nothing came after."""

from __future__ import annotations

import pytest

from sessions_app.models import Conversation, Run
from sessions_app.selectors.operations import turns_interrupted
from sessions_app.services.conversations import conversation_create
from sessions_app.services.turns import turn_submit
from sessions_app.values import RunState

pytestmark = pytest.mark.django_db
PLACES = 12


def cut_off(world, key):
    """A turn in this conversation that a stop cut off."""
    session_id = Conversation.objects.get(key=key).current_session_id
    sent = world.do(turn_submit, session_key=key, session_id=session_id, message="hello")
    world.claim()
    world.finish(sent["runId"], state=RunState.INTERRUPTED)


@pytest.fixture
def places(world):
    """Conversations whose only turn was cut off, in the order of their stops."""
    keys = [f"agent:main:place-{number}" for number in range(PLACES)]
    for key in keys:
        world.do(conversation_create, title=key, session_key=key)
        cut_off(world, key)
    return keys


def walked(actor, limit):
    keys, cursor = [], ""
    while cursor is not None:
        page = turns_interrupted(actor, limit=limit, cursor=cursor)
        assert page["count"] == PLACES
        keys += [turn["sessionKey"] for turn in page["turns"]]
        cursor = page["nextCursor"]
    return keys


@pytest.mark.parametrize("limit", [1, 5, 200])
def test_every_one_is_listed_however_long_ago_its_conversation_was_used(world, places, limit):
    assert walked(world.operator, limit) == places[::-1]


def test_one_that_was_answered_since_or_put_aside_is_not(world, places):
    world.do(conversation_create, title="other", session_key="agent:main:other")
    cut_off(world, "agent:main:other")
    world.do(
        turn_submit,
        session_key="agent:main:other",
        session_id=Conversation.objects.get(key="agent:main:other").current_session_id,
        message="and again",
    )
    world.talk()
    Run.objects.filter(session=world.current).update(state=RunState.INTERRUPTED)
    world.reset()
    assert walked(world.operator, 50) == places[::-1]


def test_three_queries_however_many(world, places, django_assert_num_queries):
    with django_assert_num_queries(3):
        assert len(turns_interrupted(world.operator, limit=5)["turns"]) == 5
