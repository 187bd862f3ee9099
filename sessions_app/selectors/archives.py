"""Archives: sessions that are not current. Always listed, always restorable."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import Checkpoint, Session
from sessions_app.selectors.entries import entries_json
from sessions_app.selectors.keyset import newest_page
from sessions_app.selectors.places import session_current, session_in
from sessions_app.selectors.reading import reading_require
from sessions_app.selectors.transcript import entries_between
from sessions_app.selectors.wire import page_size, wire_time
from sessions_app.values import Actor, Json

UNCHANGED = (
    "title, agent, pin and lock",
    "files and tools the agent worked on",
    "the agent's own memory outside this conversation",
)
_ID_WORD_MIN_CHARS = 4


def archive_list(
    actor: Actor,
    *,
    session_key: str = "",
    query: str = "",
    trigger: str = "",
    archived_by: str = "",
    limit: int = 50,
    cursor: str = "",
) -> Json:
    """The archived sessions an actor may see, last archived first. Two queries, four with a key.

    Args:
        actor: who asks; without `view_any` only sessions of their own conversations are listed.
        session_key: only of this conversation.
        query: words of title or key, or the beginning of a session id.
        trigger: only archived by this trigger.
        archived_by: only archived by this actor's label.
        limit: rows on a page, at most PAGE_MAX_ROWS.
        cursor: `nextCursor` of the page before.

    Returns:
        {archives: [{sessionKey, title, sessionId, entries, messages, startedAt, endedAt, endReason, actor, trigger, digest}],
        nextCursor}.
    """
    standing = access.require(actor, Action.LIST)
    rows = Session.objects.select_related("conversation").filter(ended_at__isnull=False)
    if session_key:
        rows = rows.filter(conversation=access.conversation(actor, Action.VIEW, session_key))
    elif not standing.has("view_any"):
        rows = rows.filter(conversation__owner_id=actor.user_id)
    if trigger:
        rows = rows.filter(end_trigger=trigger)
    if archived_by:
        rows = rows.filter(end_actor=archived_by)
    for word in query.split()[:8]:
        matches = Q(conversation__title__icontains=word) | Q(conversation__key__icontains=word)
        bounds = id_bounds(word)
        rows = rows.filter(matches | Q(pk__gte=bounds[0], pk__lte=bounds[1]) if bounds else matches)
    page, next_cursor = newest_page(rows, "ended_at", limit=page_size(limit), cursor=cursor)
    return {"archives": [archive_json(row) for row in page], "nextCursor": next_cursor}


def archive_json(session: Session) -> Json:
    """One archived session, as `archive_list` has it; its conversation must be loaded."""
    return {
        "sessionKey": session.conversation.key,
        "title": session.conversation.title,
        "kind": session.conversation.kind,
        "sessionId": str(session.pk),
        "entries": session.last_seq,
        "messages": session.messages,
        "startedAt": wire_time(session.started_at),
        "endedAt": wire_time(session.ended_at),
        "endReason": session.end_reason,
        "actor": session.end_actor,
        "trigger": session.end_trigger,
        "digest": session.archived_digest,
        "locked": session.conversation.locked,
        "currentSessionId": str(session.conversation.current_session_id),
    }


def archive_preview(actor: Actor, *, session_key: str, session_id: UUID) -> Json:
    """What restoring a session would bring back, put aside and leave alone. About nine queries.

    Returns:
        {sessionKey, sessionId, comesBack: {entries, messages, checkpoints, first, last}, stepsAside: {sessionId, entries,
        messages}, unchanged: [str]}.

    Raises:
        NotFoundError: no such session in this conversation.
        ReasonRequiredError: as `reading_require`.
    """
    conversation = access.conversation(actor, Action.VIEW, session_key)
    session = session_in(conversation, session_id)
    reading_require(actor, conversation, session.pk)
    return {
        "sessionKey": session_key,
        "sessionId": str(session.pk),
        "comesBack": comes_back(session, session.last_seq, session.messages),
        "stepsAside": steps_aside(session_current(conversation)),
        "unchanged": list(UNCHANGED),
    }


def comes_back(session: Session, last_seq: int, messages: int) -> Json:
    """Size and ends of what a restore up to a position brings back. About five queries."""
    ends = entries_between(session, 1, last_seq, 1, newest=False) + entries_between(
        session, 2, last_seq, 1, newest=True
    )
    shown = entries_json(ends)
    return {
        "entries": last_seq,
        "messages": messages,
        "checkpoints": Checkpoint.objects.filter(session=session, seq__lte=last_seq).count(),
        "first": shown[0] if shown else None,
        "last": shown[-1] if shown else None,
    }


def steps_aside(session: Session) -> Json:
    """What a restore archives."""
    return {"sessionId": str(session.pk), "entries": session.last_seq, "messages": session.messages}


def id_bounds(word: str, min_chars: int = _ID_WORD_MIN_CHARS) -> tuple[UUID, UUID] | None:
    """First and last id that begin with a word of hex digits; None when the word is not the beginning of an id."""
    digits = word.lower().replace("-", "")
    if not min_chars <= len(digits) <= 32 or set(digits) - set("0123456789abcdef"):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
