"""Two sessions side by side: what they share, and what only one of them has.

Two sessions share entries exactly as far as their lineages run together, so nothing is compared entry by entry: the cost is the
same at ten entries and at a million.
"""

from __future__ import annotations

from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import Entry, Session
from sessions_app.selectors.damage import readable_last
from sessions_app.selectors.entries import entries_json
from sessions_app.selectors.lineage import segments
from sessions_app.selectors.places import session_current, session_in
from sessions_app.selectors.reading import reading_require
from sessions_app.selectors.transcript import entries_between
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, EntryKind, Json

_LOOK_ENTRIES = 20  # how far from an end a first or last message is looked for, past markers and tools


def archive_compare(actor: Actor, *, session_key: str, session_id: UUID, up_to: int | None = None) -> Json:
    """A session of a conversation against the one that is current. About fifteen queries, whatever the length.

    Args:
        actor: who asks.
        session_key: the conversation.
        session_id: the session to compare.
        up_to: compare it only up to this position, as for a checkpoint.

    Returns:
        {sessionKey, other: SIDE, current: SIDE, common: PART, onlyOther: PART, onlyCurrent: PART}; SIDE is {sessionId, entries,
        messages, startedAt, endedAt}, PART is {entries, messages, fromSeq, toSeq, first: entry|None, last: entry|None}. A damaged
        session counts up to its damage.

    Raises:
        NotFoundError: no such session in this conversation.
        ReasonRequiredError: as `reading_require`, for either of them.
        InvalidParamsError: `up_to` is no position of it.
    """
    conversation = access.conversation(actor, Action.VIEW, session_key)
    other, current = session_in(conversation, session_id), session_current(conversation)
    reading_require(actor, conversation, other.pk, current.pk)
    end, now = readable_last(other), readable_last(current)
    if up_to is not None:
        if not 0 <= up_to <= other.last_seq:
            raise InvalidParamsError(f"This session has entries 1 to {other.last_seq:,}.", field="upTo")
        end = min(end, up_to)
    shared = min(shared_until(other.pk, current.pk), end, now)
    return {
        "sessionKey": session_key,
        "other": _side(other, end),
        "current": _side(current, now),
        "common": _part(current, 1, shared),
        "onlyOther": _part(other, shared + 1, end),
        "onlyCurrent": _part(current, shared + 1, now),
    }


def positions_compare(
    actor: Actor, *, session_id: UUID, other_id: UUID, seq: int | None = None, other_seq: int | None = None
) -> Json:
    """Two positions of any two sessions: what both have, and what only one has. About thirty queries, whatever the length.

    Entries that came by a lineage are the same by construction. Beyond it, as after an import, the chains of digests are compared:
    where they agree, everything before agrees too, so the last such position is found by halving.

    Args:
        actor: who asks; must be allowed to see both.
        session_id, other_id: the sessions; they may be the same one.
        seq, other_seq: positions in them; the newest readable one without it.

    Returns:
        {one: SIDE, two: SIDE, common: PART, onlyOne: PART, onlyTwo: PART}; SIDE and PART as `archive_compare`, SIDE also with
        {sessionKey, seq, isCurrent}.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.session`, for either.
        ReasonRequiredError: as `reading_require`, for either.
        InvalidParamsError: a session has no such position.
    """
    one, two = access.session(actor, Action.VIEW, session_id), access.session(actor, Action.VIEW, other_id)
    for session in (one, two):
        reading_require(actor, session.conversation, session.pk)
    first, second = _position(one, seq, "seq"), _position(two, other_seq, "otherSeq")
    end = min(first, second)
    shared = min(shared_until(one.pk, two.pk), end) if one.pk != two.pk else end
    shared = _same_until(one, two, shared, end)
    return {
        "one": _placed(one, first),
        "two": _placed(two, second),
        "common": _part(one, 1, shared),
        "onlyOne": _part(one, shared + 1, first),
        "onlyTwo": _part(two, shared + 1, second),
    }


def _position(session: Session, seq: int | None, name: str) -> int:
    if seq is not None and not 0 <= seq <= session.last_seq:
        raise InvalidParamsError(f"Session {session.pk} has entries 1 to {session.last_seq:,}.", field=name)
    return min(readable_last(session), session.last_seq if seq is None else seq)


def _placed(session: Session, seq: int) -> Json:
    conversation = session.conversation
    is_current = conversation.current_session_id == session.pk
    return {"sessionKey": conversation.key, "seq": seq, "isCurrent": is_current, **_side(session, seq)}


def _same_until(one: Session, two: Session, known: int, end: int) -> int:
    """The last position up to which both show the same, given that they do up to `known`. Four queries for each halving."""
    low, high = known, end
    if low < high and _digest_at(one, low + 1) != _digest_at(two, low + 1):
        return low
    while low < high:
        middle = (low + high + 1) // 2
        if _digest_at(one, middle) == _digest_at(two, middle):
            low = middle
        else:
            high = middle - 1
    return low


def _digest_at(session: Session, seq: int) -> str:
    found = entries_between(session, seq, seq, 1, newest=True)
    return found[0].digest if found else f"unreadable in {session.pk}"


def shared_until(one: UUID, two: UUID) -> int:
    """The last position at which two sessions show the same entry; 0 when they share none. Two queries."""
    shared = 0
    for left, right in zip(reversed(segments(one)), reversed(segments(two)), strict=False):
        if left.session_id != right.session_id:
            break
        shared = min(left.last, right.last)
        if left.last != right.last:
            break
    return shared


def _side(session: Session, end: int) -> Json:
    return {
        "sessionId": str(session.pk),
        "entries": end,
        "messages": _messages_until(session, end),
        "startedAt": wire_time(session.started_at),
        "endedAt": wire_time(session.ended_at),
    }


def _part(session: Session, first: int, last: int) -> Json:
    """Size and ends of a stretch. The ends are messages, not markers; None where none is near."""
    head: list[Entry] = []
    tail: list[Entry] = []
    if last >= first:
        head = entries_between(session, first, last, _LOOK_ENTRIES, newest=False)
        tail = entries_between(session, first, last, _LOOK_ENTRIES, newest=True)
    opening = next((entry for entry in head if entry.kind == EntryKind.MESSAGE), None)
    closing = next((entry for entry in reversed(tail) if entry.kind == EntryKind.MESSAGE), None)
    return {
        "entries": max(last - first + 1, 0),
        "messages": _messages_until(session, last) - _messages_until(session, first - 1),
        "fromSeq": first,
        "toSeq": last,
        "first": entries_json([opening])[0] if opening else None,
        "last": entries_json([closing])[0] if closing and closing != opening else None,
    }


def _messages_until(session: Session, seq: int) -> int:
    """How many messages a session has up to a position: each entry carries that number."""
    if seq < 1:
        return 0
    if seq == session.last_seq:
        return session.messages
    found = entries_between(session, seq, seq, 1, newest=True)
    return found[0].message_no if found else 0
