"""Damage hides no more than what it hit: pages on both sides of it, in both directions, with one stand-in for each stretch."""

from __future__ import annotations

import pytest

from sessions_app.models import Session
from sessions_app.selectors.transcript import history
from sessions_app.services.branches import position_branch
from tests.support.rows import entries_taken

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def torn(world):
    """Twenty entries, of which 5 to 7 and 12 are gone; the damage is known."""
    for number in range(10):
        world.talk(f"question {number}", f"answer {number}")
    entries_taken(world.current, [5, 6, 7, 12])
    Session.objects.filter(pk=world.current).update(damaged_from=5, damage="entry 5 to 7 is missing.")
    return world


def told(page):
    """Positions of a page; a stand-in as (from, to)."""
    return [
        (e["data"]["fromSeq"], e["data"]["toSeq"]) if e["data"].get("type") == "unreadable" else e["seq"]
        for e in page["entries"]
    ]


WHOLE = [1, 2, 3, 4, (5, 7), 8, 9, 10, 11, (12, 12), 13, 14, 15, 16, 17, 18, 19, 20]


def test_all_that_can_be_read_is_shown_and_the_rest_is_named(torn):
    page = history(torn.ana, session_key=torn.key)
    assert told(page) == WHOLE
    assert (page["lastSeq"], page["hasMore"], page["damage"]["fromSeq"]) == (20, False, 5)
    assert page["entries"][4]["data"]["words"] == "Entries 5 to 7 cannot be read."


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 17, 18, 19])
@pytest.mark.parametrize("newest", [True, False])
def test_pages_of_any_size_in_both_directions_tell_each_thing_once(torn, limit, newest):
    seen: list = []
    bound = {}
    for _ in range(40):
        page = history(
            torn.ana, session_key=torn.key, limit=limit, **({} if newest or bound else {"after_seq": 0}), **bound
        )
        seen = told(page) + seen if newest else seen + told(page)
        assert len(page["entries"]) <= limit
        if not page["hasMore"]:
            break
        edge = page["entries"][0 if newest else -1]["seq"]
        bound = {"before_seq": edge} if newest else {"after_seq": edge}
    assert seen == WHOLE


def test_a_branch_behind_the_damage_shows_both_sides_and_its_own(world):
    for number in range(4):
        world.talk(f"question {number}", f"answer {number}")
    branch = world.do(position_branch, session_key=world.key, session_id=world.current, seq=6, title="another way")
    entries_taken(world.current, [2])
    page = history(world.ana, session_key=branch["sessionKey"])
    assert told(page)[:6] == [1, (2, 2), 3, 4, 5, 6]
    assert page["lastSeq"] > 6
    assert page["damage"]["fromSeq"] == 2


def test_a_session_without_its_beginning_shows_the_rest(torn):
    entries_taken(torn.current, [1, 2])
    Session.objects.filter(pk=torn.current).update(damaged_from=1)
    assert told(history(torn.ana, session_key=torn.key))[:3] == [(1, 2), 3, 4]
