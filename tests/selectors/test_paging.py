"""Pages: no gap and no repeat while rows are added; cursors that are none of ours."""

from __future__ import annotations

import base64
import datetime
import json
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions_app.errors import InvalidParamsError
from sessions_app.models import Checkpoint, Conversation, Session
from sessions_app.selectors.archives import archive_list
from sessions_app.selectors.audit import audit_list
from sessions_app.selectors.checkpoints import checkpoint_list
from sessions_app.selectors.conversations import conversation_list
from sessions_app.selectors.events import events_since
from sessions_app.selectors.timeline import timeline
from sessions_app.selectors.transcript import history
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.conversations import conversation_create
from tests.support.rows import grow

pytestmark = pytest.mark.django_db


def _conversation(world):
    world.do(conversation_create, title="More")


def _session(world):
    world.reset()


def _checkpoint(world):
    world.do(checkpoint_create, session_key=world.key, session_id=world.current)


# list, name of its rows, id of a row, adds a row
LISTS = {
    "conversations": (lambda w, **p: conversation_list(w.admin, **p), "sessions", "sessionKey", _conversation),
    "archives": (lambda w, **p: archive_list(w.ana, **p), "archives", "sessionId", _session),
    "checkpoints": (
        lambda w, **p: checkpoint_list(w.ana, session_key=w.key, **p),
        "checkpoints",
        "checkpointId",
        _checkpoint,
    ),
    "audit": (lambda w, **p: audit_list(w.admin, **p), "events", "id", _conversation),
    "timeline": (lambda w, **p: timeline(w.ana, session_key=w.key, **p), "items", None, _checkpoint),
}
every_list = pytest.mark.parametrize("name", LISTS)


def _id(row, field):
    return row[field] if field else row.get("checkpointId") or row["sessionId"]


def _filled(world, add, rows):
    world.talk()
    for _ in range(rows):
        add(world)
    # the same instant for some of them, so that only the id tells them apart
    same = world.session.started_at
    Conversation.objects.filter(title="More").update(updated_at=same)
    Checkpoint.objects.update(created_at=same)
    Session.objects.filter(ended_at__isnull=False).update(ended_at=same)


@every_list
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 5), between=st.lists(st.booleans(), min_size=40, max_size=40))
def test_pages_have_no_gap_and_no_repeat_while_rows_are_added(world, name, size, between):
    read, rows_name, field, add = LISTS[name]
    if Session.objects.count() < 3 and Checkpoint.objects.count() == 0:
        _filled(world, add, 7)
    there = {_id(row, field) for row in read(world, limit=200)[rows_name]}
    seen, cursor = [], ""
    for is_added in between:
        page = read(world, limit=size, cursor=cursor)
        seen += [_id(row, field) for row in page[rows_name]]
        if is_added and Session.objects.count() + Checkpoint.objects.count() < 60:
            add(world)
        cursor = page["nextCursor"]
        if cursor is None:
            break
    else:
        assert len(seen) >= 40  # the pages were small
        there &= set(seen)
    assert len(seen) == len(set(seen))
    assert there <= set(seen)


@every_list
def test_the_last_page_has_no_cursor_and_an_exact_page_is_the_last(world, name):
    read, rows_name, _, add = LISTS[name]
    _filled(world, add, 3)
    count = len(read(world, limit=200)[rows_name])
    exact = read(world, limit=count)
    assert (len(exact[rows_name]), exact["nextCursor"]) == (count, None)


def _cursor(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


SOME_ID = str(UUID(int=1))
GARBAGE = {
    "a word": "x",
    "spaces": "   ",
    "not ascii": "é",
    "not base64": "%%%%",
    "not json": base64.urlsafe_b64encode(b"{").decode(),
    "not utf-8": base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    "no list": _cursor({"a": 1}),
    "numbers": _cursor([1, 2]),
    "too many words": _cursor(["2026-01-01T00:00:00+00:00", SOME_ID, "x"]),
    "no words": _cursor([]),
    "no time": _cursor(["yesterday", SOME_ID]),
    "no number": _cursor(["yesterday"]),
    "no id": _cursor(["2026-01-01T00:00:00+00:00", "x"]),
    "a time without zone": _cursor(["2026-01-01T00:00:00", SOME_ID]),
    "a time before all time": _cursor(["0001-01-01T00:00:00+23:59", SOME_ID]),
    "deep": base64.urlsafe_b64encode(b"[" * 100_000).decode(),
}


@every_list
@pytest.mark.parametrize("cursor", GARBAGE.values(), ids=GARBAGE)
def test_a_cursor_that_is_none_of_ours_is_refused(world, name, cursor):
    with pytest.raises(InvalidParamsError) as caught:
        LISTS[name][0](world, cursor=cursor)
    assert caught.value.details["field"] == "cursor"


@every_list
@pytest.mark.parametrize("limit", [0, -1, 201, 10**9])
def test_a_limit_is_from_1_to_200(world, name, limit):
    with pytest.raises(InvalidParamsError) as caught:
        LISTS[name][0](world, limit=limit)
    assert caught.value.details["field"] == "limit"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 9), forward=st.booleans(), extra=st.integers(0, 3))
def test_history_pages_fit_together_while_entries_are_added(world, size, forward, extra):
    if world.session.last_seq < 20:
        grow(world.current, 20)
    last = world.session.last_seq
    seen, bound = [], {"after_seq": 0} if forward else {"before_seq": last + 1}
    while True:
        page = history(world.ana, session_key=world.key, limit=size, **bound)
        seqs = [entry["seq"] for entry in page["entries"]]
        assert seqs == sorted(seqs)
        seen = seen + seqs if forward else seqs + seen
        if not page["hasMore"]:
            break
        grow(world.current, extra if len(seen) < 40 else 0)
        bound = {"after_seq": seqs[-1]} if forward else {"before_seq": seqs[0]}
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) >= last


@pytest.mark.parametrize(
    "bounds", [{"before_seq": 1}, {"before_seq": 0}, {"before_seq": -5}, {"after_seq": 3}, {"after_seq": 10**18}]
)
def test_history_beyond_an_end_is_an_empty_page(world, bounds):
    grow(world.current, 3)
    page = history(world.ana, session_key=world.key, **bounds)
    assert (page["entries"], page["hasMore"], page["lastSeq"]) == ([], False, 3)


def test_history_takes_one_bound(world):
    with pytest.raises(InvalidParamsError):
        history(world.ana, session_key=world.key, before_seq=3, after_seq=1)


def test_events_come_in_pages_and_a_cursor_ahead_of_the_log_is_refused(world):
    for number in range(4):
        world.talk(str(number))
    head = events_since(world.ana, session_key=world.key)
    assert (head["events"], head["hasMore"], head["lastEvent"]) == ([], False, 16)
    seen, after, has_more = [], 0, True
    while has_more:
        page = events_since(world.ana, session_key=world.key, after_event=after, limit=3)
        seen += [event["eventSeq"] for event in page["events"]]
        after, has_more = page["lastEvent"], page["hasMore"]
    assert seen == list(range(1, 17))
    assert events_since(world.ana, session_key=world.key, after_event=16)["events"] == []
    with pytest.raises(InvalidParamsError):
        events_since(world.ana, session_key=world.key, after_event=17)


def test_audit_filters_by_time(world):
    rows = audit_list(world.admin)["events"]
    newest = datetime.datetime.fromisoformat(rows[0]["timestamp"])
    assert audit_list(world.admin, before=newest)["events"] == rows[1:]
    assert audit_list(world.admin, after=newest)["events"] == rows[:1]
