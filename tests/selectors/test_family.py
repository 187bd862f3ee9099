"""Where a session came from, and what came from it."""

from __future__ import annotations

from uuid import UUID

import pytest

from sessions_app.errors import ForbiddenError
from sessions_app.models import Session
from sessions_app.selectors.family import BRANCHES_MAX, session_family
from sessions_app.services.branches import position_branch
from sessions_app.services.restore import position_restore
from tests.support.rows import queries

pytestmark = pytest.mark.django_db


def _branch(world, session_id, seq):
    key = Session.objects.get(pk=session_id).conversation.key
    return UUID(world.do(position_branch, session_key=key, session_id=session_id, seq=seq)["sessionId"])


def test_a_family_is_told_from_the_oldest_ancestor_down(world):
    world.talk("one", "two")
    root = world.current
    world.do(position_restore, session_key=world.key, session_id=root, seq=2, expected_current_session_id=root)
    middle = world.current
    child = _branch(world, middle, 3)
    found = session_family(world.ana, session_id=middle)
    told = [
        (m["sessionId"], m["parentSessionId"], m["parentSeq"], m["isCurrent"], m["isThis"]) for m in found["members"]
    ]
    assert told == [
        (str(root), None, 0, False, False),
        (str(middle), str(root), 2, True, True),
        (str(child), str(middle), 3, True, False),
    ]
    assert (found["moreAncestors"], found["moreBranches"]) == (0, 0)


def test_a_large_family_is_cut_to_the_neighbourhood_and_costs_the_same(world):
    world.talk("one", "two")
    root = world.current
    counts = []
    for more in (1, BRANCHES_MAX + 2):
        for _ in range(more):
            _branch(world, root, 2)
        with queries() as asking:
            found = session_family(world.ana, session_id=root)
        counts.append(len(asking.asked))
    assert len(found["members"]) == BRANCHES_MAX + 1
    assert found["moreBranches"] == 3
    assert max(counts) <= 6
    deep = root
    for _ in range(8):
        deep = _branch(world, deep, Session.objects.get(pk=deep).last_seq)
    found = session_family(world.ana, session_id=deep)
    assert (len(found["members"]), found["moreAncestors"]) == (6, 3)


def test_strangers_learn_of_no_family(world):
    with pytest.raises(ForbiddenError):
        session_family(world.bob, session_id=world.current)
