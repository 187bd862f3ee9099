"""Pointers only: what moves, brings back, branches or shows a session asks as much at 10,000 entries as at 10."""

from __future__ import annotations

import dataclasses
from uuid import UUID

import pytest

from sessions_app.selectors.archives import archive_list, archive_preview
from sessions_app.selectors.conversations import conversation_get, conversation_list
from sessions_app.selectors.sessions import session_get
from sessions_app.selectors.timeline import timeline
from sessions_app.selectors.transcript import history
from sessions_app.services.branches import position_branch
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.conversations import conversation_create
from sessions_app.services.reset import reset_preview, session_reset
from sessions_app.services.restore import archive_restore, checkpoint_restore, position_restore
from tests.support.rows import counts, grow, queries

pytestmark = pytest.mark.django_db
FEW, MANY = 10, 10_000


def _all_of_it(world):
    """Everything that must cost the same, in one order; queries and new rows of each."""
    ana, key, big = world.ana, world.key, world.current
    costs = {}

    def cost(name, step):
        before = counts()
        with queries() as asking:
            answer = step()
        rows = {table: count - before[table] for table, count in counts().items() if count != before[table]}
        costs[name] = (len(asking.asked), rows)
        return answer

    def believed():
        return {"session_key": key, "expected_current_session_id": world.current}

    cost("history", lambda: history(ana, session_key=key))
    cost("old history", lambda: history(ana, session_key=key, before_seq=6, limit=5))
    cost("session", lambda: session_get(ana, session_id=big))
    cost("conversation", lambda: conversation_get(ana, session_key=key))
    cost("list", lambda: conversation_list(ana))
    made = cost("checkpoint", lambda: world.do(checkpoint_create, session_key=key, session_id=big, seq=FEW - 1))
    token = cost("preview", lambda: reset_preview(ana, session_key=key))["token"]
    cost("reset", lambda: world.do(session_reset, session_key=key, session_id=big, confirmation=token))
    cost("archives", lambda: archive_list(ana, session_key=key))
    cost("archive preview", lambda: archive_preview(ana, session_key=key, session_id=big))
    cost("restore", lambda: world.do(archive_restore, session_id=big, **believed()))
    checkpoint_id = UUID(made["checkpointId"])
    cost("checkpoint restore", lambda: world.do(checkpoint_restore, checkpoint_id=checkpoint_id, **believed()))
    cost("position restore", lambda: world.do(position_restore, session_id=big, seq=FEW - 1, **believed()))
    cost("branch", lambda: world.do(position_branch, session_key=key, session_id=big, seq=FEW - 1))
    cost("branched history", lambda: history(ana, session_key=key, limit=5))
    cost("timeline", lambda: timeline(ana, session_key=key))
    return costs


@pytest.fixture(params=[FEW, MANY])
def costs(request, world):
    """(length, what everything cost at that length)."""
    grow(world.current, request.param)
    return request.param, _all_of_it(world)


def test_a_move_copies_nothing(costs):
    _, of = costs
    moved = {"Entry": 1, "Event": 2, "AuditEvent": 1, "Receipt": 1}
    assert of["reset"][1] == {"Session": 1, "HookEvent": 1, **moved}
    assert of["restore"][1] == moved
    assert of["checkpoint restore"][1] == of["position restore"][1] == {"Session": 1, **moved}
    assert of["branch"][1] == {"Conversation": 1, "Session": 1, **moved}
    assert of["checkpoint"][1] == {"Checkpoint": 1, "Event": 1, "AuditEvent": 1, "Receipt": 1}
    reads = ["history", "old history", "session", "conversation", "list", "preview", "archives", "timeline"]
    assert [of[name][1] for name in reads] == [{}] * len(reads)


def test_the_query_counts_are_as_documented(costs):
    _, of = costs
    most = {"history": 7, "session": 7, "conversation": 6, "list": 5, "preview": 4, "archives": 4, "timeline": 5}
    assert {name: of[name][0] for name in most if of[name][0] > most[name]} == {}


def test_length_costs_no_query_more(world):
    of = {}
    for length in (FEW, MANY):
        made = world.do(conversation_create, title=f"{length} entries")
        there = dataclasses.replace(world, key=made["sessionKey"])
        grow(there.current, length)
        of[length] = _all_of_it(there)
    assert of[MANY] == of[FEW]
