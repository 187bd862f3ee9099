"""Where did my chat go? From a phrase, an id, a key or a time to the sessions that were meant, and what happened to each."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime, parse_time

from sessions_app import access
from sessions_app.access import Action, Standing
from sessions_app.models import Checkpoint, Conversation, Session
from sessions_app.selectors.archives import id_bounds
from sessions_app.selectors.search import search
from sessions_app.selectors.where_history import session_story
from sessions_app.selectors.wire import page_size
from sessions_app.values import Actor, Json, Scope

PLACES_MAX = 10
ID_MIN_CHARS = 6
_HITS_LOOKED_AT = 100
_AROUND = datetime.timedelta(hours=1)
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Found:
    """A session that may be meant, why, and the message that was meant."""

    session: Session
    why: str
    seq: int | None = None


def where(actor: Actor, *, query: str, limit: int = 5) -> Json:
    """The sessions that a phrase, an id, a key or a time may mean, each with its history. About ten queries, six more for each.

    Args:
        actor: who asks; without `view_any` only their own sessions are told of.
        query: what a person remembers: an id or its first six characters, a session key, `2026-11-24`, `12:03` or both (UTC), words.
        limit: sessions at most, up to PLACES_MAX.

    Returns:
        {readAs, places: [{sessionKey, title, owner, sessionId, currentSessionId, isCurrent, messages, why, seq, history: [MOMENT],
        end, mayRestore}]}; `readAs` is id, key, time, phrase or ""; MOMENT as `where_history.session_story`; `end` is open or restore.

    Raises:
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    standing = access.require(actor, Action.LIST)
    size = min(page_size(limit), PLACES_MAX)
    sessions = Session.objects.select_related("conversation__owner")
    if not standing.has("view_any"):
        sessions = sessions.filter(conversation__owner_id=actor.user_id)
    words = query.strip()[:1000].replace("\x00", "").encode("utf-8", "replace").decode()
    read_as, found = _read(actor, sessions, words, size) if words else ("", [])
    return {
        "readAs": read_as if found else "",
        "places": [_place(actor, standing, each) for each in found],
    }


def _read(actor: Actor, sessions: QuerySet[Session], words: str, size: int) -> tuple[str, list[_Found]]:
    """What the words are, and what they mean: the first reading that finds something counts."""
    for name, read in (("id", _by_id), ("key", _by_key), ("time", _by_time)):
        found = read(sessions, words, size)
        if found:
            return name, found
    return "phrase", _by_phrase(actor, sessions, words, size)


def _by_id(sessions: QuerySet[Session], words: str, size: int) -> list[_Found]:
    """Sessions whose id begins so, then those of checkpoints and conversations whose id does. Up to three queries."""
    bounds = id_bounds(words, ID_MIN_CHARS)
    if bounds is None:
        return []
    among = {"pk__gte": bounds[0], "pk__lte": bounds[1]}
    found = [_Found(row, "Its id begins so.") for row in sessions.filter(**among).order_by("-started_at")[:size]]
    if not found:
        marks = dict(Checkpoint.objects.filter(**among).values_list("session_id", "seq")[:size])
        rows = sessions.filter(pk__in=marks)
        found = [_Found(row, "A checkpoint of it has this id.", marks[row.pk]) for row in rows]
    if not found:
        current = Conversation.objects.filter(**among).values_list("current_session_id", flat=True)[:size]
        found = [_Found(row, "Its conversation has this id.") for row in sessions.filter(pk__in=list(current))]
    return found


def _by_key(sessions: QuerySet[Session], words: str, size: int) -> list[_Found]:
    """The current session of each conversation whose key or title holds this, and the one that was current before. Two queries."""
    named = Q(conversation__key__icontains=words) | Q(conversation__title__icontains=words)
    current = list(sessions.filter(named, ended_at=None).order_by("-conversation__updated_at")[:size])
    current.sort(key=lambda row: row.conversation.key != words)
    found = []
    for row in current[: max(size // 2, 1)]:
        found.append(_Found(row, "It is the current session of this conversation."))
        before = sessions.filter(conversation=row.conversation_id, ended_at__isnull=False, messages__gt=0)
        found += [_Found(old, "It was current before.") for old in before.order_by("-ended_at")[:1]]
    return found[:size]


def _by_time(sessions: QuerySet[Session], words: str, size: int) -> list[_Found]:
    """Sessions that began, ended or were last used around a moment, or on a day. One query, which walks the sessions once."""
    bounds = _moments(words)
    if bounds is None:
        return []
    near = Q(started_at__range=bounds) | Q(ended_at__range=bounds) | Q(last_entry_at__range=bounds)
    return [
        _Found(row, "It began, ended or was last used then.")
        for row in sessions.filter(near).order_by("-started_at")[:size]
    ]


def _by_phrase(actor: Actor, sessions: QuerySet[Session], words: str, size: int) -> list[_Found]:
    """The sessions in which it was said, the newest hit first."""
    hits = search(actor, query=words, limit=_HITS_LOOKED_AT)["hits"]
    first: dict[UUID, int] = {}
    for hit in hits:
        first.setdefault(UUID(hit["sessionId"]), hit["seq"])
    wanted = list(first)[:size]
    rows = {row.pk: row for row in sessions.filter(pk__in=wanted)}
    return [_Found(rows[pk], "It was said there.", first[pk]) for pk in wanted if pk in rows]


def _place(actor: Actor, standing: Standing, found: _Found) -> Json:
    session, conversation = found.session, found.session.conversation
    is_current = conversation.current_session_id == session.pk
    is_own = conversation.owner_id == actor.user_id
    may_restore = Scope.WRITE in actor.scopes and standing.has("chat_own" if is_own else "restore_any")
    return {
        "sessionKey": conversation.key,
        "title": conversation.title,
        "owner": conversation.owner.get_username(),
        "sessionId": str(session.pk),
        "currentSessionId": str(conversation.current_session_id),
        "isCurrent": is_current,
        "messages": session.messages,
        "why": found.why,
        "seq": found.seq,
        "history": session_story(session),
        "end": "open" if is_current else "restore",
        "mayRestore": may_restore and not is_current,
    }


def _moments(words: str) -> tuple[datetime.datetime, datetime.datetime] | None:
    """The stretch a date or a time means: a whole day, or an hour to both sides. Without a zone it is UTC."""
    try:
        day, moment, clock = parse_date(words), parse_datetime(words), parse_time(words)
    except ValueError:
        return None
    try:
        if moment is not None and len(words) > len("2026-11-24"):
            at = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
            return at - _AROUND, at + _AROUND
        if day is not None:
            at = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
            return at, at + _DAY
        if clock is not None:
            at = datetime.datetime.combine(timezone.now().date(), clock.replace(tzinfo=None), datetime.UTC)
            return at - _AROUND, at + _AROUND
    except OverflowError:
        return None
    return None
