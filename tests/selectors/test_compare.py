"""What two sessions share, without reading them entry by entry."""

from __future__ import annotations

from uuid import UUID

import pytest

from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError
from sessions_app.models import Entry, Session
from sessions_app.selectors.compare import _same_until, archive_compare, positions_compare, shared_until
from sessions_app.services.branches import position_branch
from sessions_app.services.conversations import conversation_create
from sessions_app.services.restore import archive_restore, position_restore
from tests.support.rows import grow, queries, transcript

pytestmark = pytest.mark.django_db


def _sizes(found):
    return {name: (found[name]["entries"], found[name]["messages"]) for name in ("common", "onlyOther", "onlyCurrent")}


def _shared_slowly(one, two):
    left, right = [entry.pk for entry in transcript(one)], [entry.pk for entry in transcript(two)]
    return sum(1 for a, b in zip(left, right, strict=False) if a == b)


def _restored_at(world, session_id, seq):
    expected = world.current
    world.do(
        position_restore, session_key=world.key, session_id=session_id, seq=seq, expected_current_session_id=expected
    )
    return world.current


def test_a_session_and_the_one_that_was_started_new_share_nothing(world):
    world.talk("one", "two")
    old = UUID(world.reset()["oldSessionId"])
    world.talk("three", "four")
    found = archive_compare(world.ana, session_key=world.key, session_id=old)
    assert _sizes(found) == {"common": (0, 0), "onlyOther": (2, 2), "onlyCurrent": (3, 2)}
    assert (found["onlyOther"]["first"]["text"], found["onlyOther"]["last"]["text"]) == ("one", "two")
    assert (found["onlyCurrent"]["first"]["text"], found["onlyCurrent"]["last"]["text"]) == ("three", "four")
    assert found["common"]["first"] is None


def test_a_branch_shares_with_its_parent_up_to_where_it_left(world):
    for number in range(4):
        world.talk(f"question {number}", f"answer {number}")
    trunk = world.current
    _restored_at(world, trunk, 4)
    world.talk("another way", "indeed")
    found = archive_compare(world.ana, session_key=world.key, session_id=trunk)
    assert found["common"]["toSeq"] == 4
    assert _sizes(found) == {"common": (4, 4), "onlyOther": (4, 4), "onlyCurrent": (3, 2)}
    assert found["common"]["last"]["text"] == "answer 1"
    assert found["onlyOther"]["first"]["text"] == "question 2"
    assert found["onlyCurrent"]["first"]["text"] == "another way"


def test_shared_positions_are_those_an_entry_by_entry_comparison_finds(world):
    world.talk("a", "b")
    world.talk("c", "d")
    trunk = world.current
    ids = [trunk]
    for seq in (1, 3, 4):
        ids.append(_restored_at(world, trunk, seq))
        world.talk(f"from {seq}")
    ids.append(_restored_at(world, ids[2], 5))  # a branch of a branch
    ids.append(_restored_at(world, ids[2], 2))  # at a position that its parent shares with the trunk
    assert {(one, two): shared_until(one, two) for one in ids for two in ids} == {
        (one, two): _shared_slowly(one, two) for one in ids for two in ids
    }


def test_the_current_session_against_itself_is_all_common(world):
    world.talk()
    found = archive_compare(world.ana, session_key=world.key, session_id=world.current)
    assert _sizes(found) == {"common": (2, 2), "onlyOther": (0, 0), "onlyCurrent": (0, 0)}


def test_a_checkpoint_is_compared_up_to_its_position(world):
    world.talk("one", "two")
    world.talk("three", "four")
    old = UUID(world.reset()["oldSessionId"])
    found = archive_compare(world.ana, session_key=world.key, session_id=old, up_to=3)
    assert _sizes(found)["onlyOther"] == (3, 3)
    assert found["onlyOther"]["last"]["text"] == "three"
    with pytest.raises(InvalidParamsError):
        archive_compare(world.ana, session_key=world.key, session_id=old, up_to=5)


def test_it_costs_the_same_at_any_length(world):
    world.talk()
    old = UUID(world.reset()["oldSessionId"])
    world.talk()
    with queries() as short:
        archive_compare(world.ana, session_key=world.key, session_id=old)
    grow(old, 500)
    grow(world.current, 500)
    with queries() as long:
        archive_compare(world.ana, session_key=world.key, session_id=old)
    assert len(long.asked) <= len(short.asked) + 4


def test_strangers_see_nothing_and_other_conversations_sessions_are_not_found(world):
    with pytest.raises(ForbiddenError):
        archive_compare(world.bob, session_key=world.key, session_id=world.current)
    with pytest.raises(NotFoundError):
        archive_compare(world.ana, session_key=world.key, session_id=UUID(int=1))


def test_after_a_restore_the_sides_have_changed_places(world):
    world.talk("one", "two")
    moved = world.reset()
    old, new = UUID(moved["oldSessionId"]), world.current
    world.do(archive_restore, session_key=world.key, session_id=old, expected_current_session_id=new)
    found = archive_compare(world.ana, session_key=world.key, session_id=new)
    assert found["current"]["sessionId"] == str(old)
    assert found["onlyCurrent"]["messages"] == 2


def test_a_damaged_session_counts_up_to_its_damage(world):
    world.talk("one", "two")
    old = UUID(world.reset()["oldSessionId"])
    Session.objects.filter(pk=old).update(damaged_from=2, damage="Entry 2 is not readable.")
    found = archive_compare(world.ana, session_key=world.key, session_id=old)
    assert _sizes(found)["onlyOther"] == (1, 1)


def _parts(found):
    return [(found[name]["entries"], found[name]["messages"]) for name in ("common", "onlyOne", "onlyTwo")]


def test_any_two_positions_are_compared_also_of_different_conversations(world):
    for number in range(3):
        world.talk(f"question {number}", f"answer {number}")
    base = world.current
    made = world.do(position_branch, session_key=world.key, session_id=base, seq=4)
    branch = UUID(made["sessionId"])
    assert _parts(positions_compare(world.ana, session_id=base, other_id=branch)) == [(4, 4), (2, 2), (1, 0)]
    assert _parts(positions_compare(world.ana, session_id=base, seq=2, other_id=branch)) == [(2, 2), (0, 0), (3, 2)]
    assert _parts(positions_compare(world.ana, session_id=base, seq=2, other_id=base, other_seq=5)) == [
        (2, 2),
        (0, 0),
        (3, 3),
    ]
    swapped = positions_compare(world.ana, session_id=branch, other_id=base)
    assert _parts(swapped) == [(4, 4), (1, 0), (2, 2)]
    assert [swapped[name]["sessionKey"] for name in ("one", "two")] == [made["sessionKey"], world.key]


def test_sessions_without_a_common_lineage_share_as_far_as_their_digests_agree(world):
    for number in range(4):
        world.talk(f"question {number}", f"answer {number}")
    base = world.current
    world.reset()
    other = world.current
    rows = list(Entry.objects.filter(session=base).order_by("seq"))
    marker = Entry.objects.get(session=other)
    twin = Session.objects.get(pk=other)
    for row in rows[1:5]:  # as an import brings them: other rows, the same chain
        Entry.objects.create(
            **{
                f: getattr(row, f)
                for f in ("seq", "kind", "role", "text", "data", "digest", "message_no", "created_at")
            },
            session=twin,
        )
    Session.objects.filter(pk=other).update(last_seq=5, messages=5)
    assert marker.digest != rows[0].digest
    assert _parts(positions_compare(world.ana, session_id=base, other_id=other))[0] == (0, 0)
    known = Session.objects.get(pk=base), Session.objects.get(pk=other)
    assert _same_until(*known, 1, 5) == 5


def test_both_sides_must_be_visible_and_have_the_position(world):
    world.talk("one", "two")
    bobs = UUID(world.do(conversation_create, world.bob, title="mine")["sessionId"])
    for sides in ((world.current, bobs), (bobs, world.current)):
        with pytest.raises(ForbiddenError):
            positions_compare(world.ana, session_id=sides[0], other_id=sides[1])
    with pytest.raises(InvalidParamsError):
        positions_compare(world.ana, session_id=world.current, seq=3, other_id=world.current)


def test_comparing_positions_costs_the_same_at_any_length(world):
    world.talk("one", "two")
    base = world.current
    branch = UUID(world.do(position_branch, session_key=world.key, session_id=base, seq=2)["sessionId"])
    counts = []
    for entries in (30, 3000):
        grow(base, entries)
        with queries() as asking:
            positions_compare(world.ana, session_id=base, other_id=branch)
        counts.append(len(asking.asked))
    assert counts[1] == counts[0]
    assert max(counts) <= 40
