"""The timeline of a key as moves: complete, in order, paged by keyset, and of the same cost at any number of sessions."""

from __future__ import annotations

import datetime
from uuid import UUID

import pytest
from django.utils import timezone

from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError
from sessions_app.models import AuditEvent, Span
from sessions_app.selectors.moves import session_moves
from sessions_app.services.branches import position_branch
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.compaction import session_compact
from sessions_app.services.reading import session_open
from sessions_app.services.restore import archive_restore
from sessions_app.values import RunState
from tests.support.rows import queries

pytestmark = pytest.mark.django_db


def _moves(world, **page):
    return session_moves(world.ana, session_key=world.key, **page)


def _restore(world, session_id):
    believed = world.current
    world.do(archive_restore, session_key=world.key, session_id=session_id, expected_current_session_id=believed)


def test_every_move_is_told_newest_first_with_both_sides(world):
    world.talk("one", "two")
    old = world.current
    mark = world.do(checkpoint_create, session_key=world.key, session_id=old, label="here")
    branch = world.do(position_branch, session_key=world.key, session_id=old, seq=1)
    world.reset(reason="a fresh start")
    new = world.current
    _restore(world, old)
    found = _moves(world)
    assert [move["type"] for move in found["moves"]] == [
        "session.restored",
        "session.reset",
        "session.branched",
        "checkpoint.created",
        "conversation.created",
    ]
    restored, reset, branched, marked, _ = found["moves"]
    assert (restored["old"]["sessionId"], restored["new"]["sessionId"]) == (str(new), str(old))
    assert (restored["isNewest"], reset["isNewest"]) == (True, False)
    assert (reset["reason"], reset["actor"]) == ("a fresh start", "ana")
    assert reset["old"]["isCurrent"]
    assert reset["old"]["messages"] == 2
    assert (branched["new"]["sessionId"], branched["new"]["isHere"]) == (branch["sessionId"], False)
    assert branched["facts"]["parentSeq"] == 1
    assert marked["facts"] == {"checkpointId": mark["checkpointId"], "label": "here", "seq": 2}


def test_pages_join_without_gap_or_repeat(world):
    for _ in range(5):
        world.talk()
        world.reset()
    whole = [move["id"] for move in _moves(world)["moves"]]
    joined, cursor = [], ""
    while True:
        page = _moves(world, limit=2, cursor=cursor)
        joined += [move["id"] for move in page["moves"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert joined == whole
    assert len(whole) == 6


def _crash(session_id, at):
    Span.objects.filter(session=session_id, closed_at=None).update(closed_at=at, close_reason="crash")
    if not Span.objects.filter(session=session_id, closed_at=at).exists():
        began = at - datetime.timedelta(microseconds=1)
        row = {"opened_at": began, "open_reason": "new", "open_seq": 0, "closed_at": at, "close_reason": "crash"}
        Span.objects.create(session_id=session_id, **row)


def test_a_crash_stands_between_the_moves_it_fell_between_on_exactly_one_page(world):
    world.reset()
    during = world.current
    _crash(during, timezone.now())
    for _ in range(3):
        world.reset()
    whole = [move["type"] for move in _moves(world)["moves"]]
    assert whole == [*["session.reset"] * 3, "crash", "session.reset", "conversation.created"]
    for size in (1, 2, 3, 4):
        seen, cursor = [], ""
        while cursor is not None:
            page = _moves(world, limit=size, cursor=cursor)
            seen += [(move["type"], move["new"]["sessionId"]) for move in page["moves"] if move["id"] is None]
            cursor = page["nextCursor"]
        assert seen == [("crash", str(during))], f"pages of {size}"


def test_a_compaction_is_told_with_its_checkpoint_and_tokens(world):
    world.talk("one", "two")
    where = {"session_key": world.key, "session_id": world.current}
    facts = {"tokensBefore": 90, "tokensAfter": 9}
    made = world.do(session_compact, **where, covers_seq=2, summary="They said hello.", facts=facts)
    compacted = next(move for move in _moves(world)["moves"] if move["type"] == "session.compacted")
    assert compacted["facts"] == {"checkpointId": made["checkpointId"], "coversSeq": 2, **facts}
    assert compacted["new"]["sessionId"] == str(world.current)


def test_a_refused_move_is_no_move_and_a_strange_cursor_is_refused(world):
    with pytest.raises(NotFoundError):
        world.do(
            archive_restore, session_key=world.key, session_id=UUID(int=1), expected_current_session_id=world.current
        )
    assert AuditEvent.objects.filter(session_key=world.key, outcome="refused").exists()
    assert [move["type"] for move in _moves(world)["moves"]] == ["conversation.created"]
    with pytest.raises(InvalidParamsError):
        _moves(world, cursor="nonsense")


def test_it_asks_the_same_at_any_number_of_sessions(world):
    world.talk()
    world.reset()
    with queries() as few:
        _moves(world, limit=2)
    for _ in range(12):
        world.talk()
        world.reset()
    with queries() as many:
        _moves(world, limit=2)
    assert len(few.asked) == len(many.asked) == 8


def test_a_branch_in_anothers_conversation_hides_its_size(world):
    world.talk("one", "two")
    world.do(session_open, world.operator, session_key=world.key, session_id=world.current, reason="ticket 7")
    world.do(position_branch, world.operator, session_key=world.key, session_id=world.current, seq=1)
    branched = _moves(world)["moves"][0]
    assert (branched["new"]["mayOpen"], branched["new"]["messages"]) == (False, None)


def test_strangers_see_nothing(world):
    with pytest.raises(ForbiddenError):
        session_moves(world.bob, session_key=world.key)
    with pytest.raises(NotFoundError):
        session_moves(world.ana, session_key="agent:main:nowhere")
    assert UUID(_moves(world)["currentSessionId"]) == world.current


def test_an_interrupted_answer_is_a_step_on_exactly_one_page(world):
    for _ in range(2):
        sent = world.say("hello")
        world.claim()
        world.finish(sent["runId"], "half", RunState.INTERRUPTED)
        world.reset()
    whole = _moves(world)["moves"]
    assert [move["type"] for move in whole] == [
        "session.reset", "interrupted", "session.reset", "interrupted", "conversation.created",
    ]  # fmt: skip
    cut = whole[1]
    assert (cut["id"], cut["isStop"], cut["facts"]["seq"], cut["new"]["isCurrent"]) == (None, True, 3, False)
    joined, cursor = [], ""
    while cursor is not None:
        page = _moves(world, limit=1, cursor=cursor)
        joined += [(move["type"], move["at"]) for move in page["moves"]]
        cursor = page["nextCursor"]
    assert sorted(joined) == sorted((move["type"], move["at"]) for move in whole)


def test_a_branch_tells_where_it_came_from(world):
    world.talk("one", "two")
    branch = world.do(position_branch, session_key=world.key, session_id=world.current, seq=2)
    (began,) = session_moves(world.ana, session_key=branch["sessionKey"])["moves"]
    assert (began["type"], began["actor"], began["isStop"]) == ("session.branched", "ana", False)
    assert (began["old"]["sessionId"], began["old"]["sessionKey"]) == (str(world.current), world.key)
    assert (began["new"]["sessionId"], began["facts"]) == (branch["sessionId"], {"parentSeq": 2})
