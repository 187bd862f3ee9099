"""The event log of a conversation, as clients replay it: numbered rows after a cursor, joined with the text they refer to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import Conversation
from sessions_app.selectors.damage import UNREADABLE
from sessions_app.selectors.entry_rows import as_json, as_wire_time, entries_of, raw_uuid
from sessions_app.selectors.reading import reading_require
from sessions_app.selectors.wire import wire_time
from sessions_app.values import EVENTS_MAX_ROWS, Actor, EntryKind, EventType, Json

_WITH_ENTRY: dict[str, str] = {EventType.ENTRY_ADDED: "seq", EventType.CHAT: "entrySeq"}


class LogPlace(NamedTuple):
    """A place in the event log of a conversation: behind a number."""

    conversation_id: UUID
    session_key: str
    number: int
    limit: int = EVENTS_MAX_ROWS


class _Row(NamedTuple):
    """One row of the log."""

    number: int
    type: str
    payload: Json
    created_at: str | None


def events_since(
    actor: Actor, *, session_key: str, after_event: int | None = None, limit: int = EVENTS_MAX_ROWS
) -> Json:
    """Events after a cursor; without one the head and no rows. Up to seven queries.

    Args:
        actor: who asks.
        session_key: the conversation.
        after_event: the last number the client has.
        limit: at most EVENTS_MAX_ROWS.

    Returns:
        {sessionKey, sessionId, conversationId, lastEvent, events: [{eventSeq, type, createdAt, payload}], hasMore, readableUntil}.
        `lastEvent` is the number of the last event in the answer, or the head; `readableUntil` is None, or when a reason given for
        the current session of somebody else is used up.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`.
        ReasonRequiredError: as `reading_require`, for the current session and those whose text the events tell.
        InvalidParamsError: the cursor is ahead of the log, so it belongs to another one.
    """
    conversation = access.conversation(actor, Action.VIEW, session_key)
    current = conversation.current_session_id
    assert current is not None
    until = reading_require(actor, conversation, current)
    answer: Json = {
        "sessionKey": session_key,
        "sessionId": str(conversation.current_session_id),
        "conversationId": str(conversation.pk),
        "lastEvent": conversation.last_event,
        "events": [],
        "hasMore": False,
        "readableUntil": wire_time(until),
    }
    if after_event is None:
        return answer
    if after_event > conversation.last_event:
        raise InvalidParamsError(
            "This cursor is ahead of the event log. Sync without a cursor and load the page again.", field="afterEvent"
        )
    size = min(max(limit, 1), EVENTS_MAX_ROWS)
    rows = events_after(conversation.pk, after_event, size + 1, session_key=session_key)
    page = rows[:size]
    reading_require(actor, conversation, *(UUID(row["payload"]["sessionId"]) for row in page if tells_text(row)))
    last = page[-1]["eventSeq"] if page else after_event
    return {**answer, "lastEvent": last, "events": page, "hasMore": len(rows) > size}


def events_after(conversation_id: UUID, number: int, limit: int, *, session_key: str) -> list[Json]:
    """Rows of the event log after a number, oldest first; asks no permission: the hub sends them to watchers it has let in.

    Two queries, whatever the length of the log.
    """
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS, [raw_uuid(conversation_id), number, limit])
        rows = [_Row(n, kind, _payload(payload), as_wire_time(at)) for n, kind, payload, at in cursor.fetchall()]
    entries = _entries(rows)
    return [_event_json(row, session_key, entries) for row in rows]


def events_after_each(places: Sequence[LogPlace]) -> list[list[Json]]:
    """`events_after` for many conversations at once; each place brings its limit.

    Two queries for all of them; then two for each, when more rows were found together than one of them may have.
    """
    if len(places) > 1:
        most = min(place.limit for place in places)
        where = " OR ".join(["(conversation_id = %s AND number > %s)"] * len(places))
        params = [param for place in places for param in (raw_uuid(place.conversation_id), place.number)]
        with connection.cursor() as cursor:
            cursor.execute(_EVENTS_OF_MANY.format(where=where), [*params, most + 1])
            found = cursor.fetchall()
        if len(found) <= most:
            return _told(places, found)
    return [events_after(p.conversation_id, p.number, p.limit, session_key=p.session_key) for p in places]


def _told(places: Sequence[LogPlace], found: Sequence[tuple[Any, ...]]) -> list[list[Json]]:
    """Rows of many conversations, sorted by their numbers, as each of the places wants them."""
    rows: dict[Any, list[_Row]] = {raw_uuid(place.conversation_id): [] for place in places}
    for conversation_id, number, kind, payload, at in found:
        rows[conversation_id].append(_Row(number, kind, _payload(payload), as_wire_time(at)))
    entries = _entries([row for some in rows.values() for row in some])
    return [
        [_event_json(row, place.session_key, entries) for row in rows[raw_uuid(place.conversation_id)]]
        for place in places
    ]


def tells_text(row: Json) -> bool:
    """Whether an event, as clients get it, holds text of a transcript; its payload names the session then."""
    return row["type"] in _WITH_ENTRY and "sessionId" in row["payload"]


def conversation_key(conversation_id: UUID) -> str:
    """The key of a conversation. One query."""
    return Conversation.objects.values_list("key", flat=True).get(pk=conversation_id)


def _entries(rows: list[_Row]) -> dict[tuple[str, int], Json]:
    """The entries that events refer to, by session id and seq."""
    wanted: dict[str, set[int]] = {}
    for row in rows:
        seq = row.payload.get(_WITH_ENTRY.get(row.type, ""))
        if seq is not None:
            wanted.setdefault(row.payload["sessionId"], set()).add(seq)
    found = entries_of({UUID(session_id): seqs for session_id, seqs in wanted.items()})
    return {(entry["sessionId"], entry["seq"]): entry for entry in found}


def _event_json(row: _Row, session_key: str, entries: dict[tuple[str, int], Json]) -> Json:
    payload: Json = {"sessionKey": session_key, **row.payload}
    seq_name = _WITH_ENTRY.get(row.type)
    entry = entries.get((payload.get("sessionId", ""), payload.get(seq_name, 0))) if seq_name else None
    if row.type == EventType.ENTRY_ADDED:
        payload["entry"] = entry or _stand_in(row, payload)
    elif row.type == EventType.CHAT:
        payload["text"] = entry["text"] if entry else ""
    return {"eventSeq": row.number, "type": row.type, "createdAt": row.created_at, "payload": payload}


def _stand_in(row: _Row, payload: Json) -> Json:
    """What is sent for an entry that cannot be read: the page of its session says why."""
    words: Json = {"seq": payload.get("seq"), "kind": str(EntryKind.MARKER), "role": None, "text": "", "runId": None}
    words |= {"createdAt": row.created_at, "sessionId": payload.get("sessionId"), "run": None}
    return {**words, "data": {"type": UNREADABLE}}


def _payload(stored: Any) -> Json:
    """The payload of an event; one that is damaged tells nothing."""
    try:
        found = as_json(stored)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


_EVENTS = (
    "SELECT number, type, payload, created_at FROM sessions_app_event WHERE conversation_id = %s AND number > %s "
    "ORDER BY number LIMIT %s"
)
_EVENTS_OF_MANY = (
    "SELECT conversation_id, number, type, payload, created_at FROM sessions_app_event WHERE {where} "
    "ORDER BY number LIMIT %s"
)
