"""Pages of a transcript, walked along its lineage by keyset: the same cost at any length."""

from __future__ import annotations

import functools
from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import Entry, Session
from sessions_app.selectors.damage import damage_json, entries_readable, lineage_torn, readable_last
from sessions_app.selectors.entries import entries_json
from sessions_app.selectors.lineage import Segment, segments
from sessions_app.selectors.places import session_current, session_in
from sessions_app.selectors.reading import reading_require
from sessions_app.selectors.salvage import begins_gap, entries_salvaged, is_gap
from sessions_app.selectors.wire import page_size
from sessions_app.values import Actor, Json


def history(
    actor: Actor,
    *,
    session_key: str,
    session_id: UUID | None = None,
    before_seq: int | None = None,
    after_seq: int | None = None,
    limit: int = 50,
) -> Json:
    """One page of a session's transcript, oldest entry first. About seven queries, whatever the length.

    Args:
        actor: who asks.
        session_key: the conversation.
        session_id: the session; the current one without it.
        before_seq: the page that ends before this position; without either bound the newest page.
        after_seq: the page that starts after this position.
        limit: entries on a page, at most PAGE_MAX_ROWS.

    Returns:
        {sessionKey, sessionId, isCurrent, entries: [entry], hasMore, lastSeq, damage?: {fromSeq, words}}; `hasMore` in the
        direction of the page. In a damaged session a stretch that cannot be read is one marker, as `entries_salvaged` says.

    Raises:
        NotFoundError: no such conversation, or no such session in it.
        ReasonRequiredError: as `reading_require`.
        InvalidParamsError: both bounds, or a limit out of bounds.
    """
    conversation = access.conversation(actor, Action.VIEW, session_key)
    if before_seq is not None and after_seq is not None:
        raise InvalidParamsError("Give beforeSeq or afterSeq, not both.", field="beforeSeq")
    session = session_in(conversation, session_id) if session_id else session_current(conversation)
    reading_require(actor, conversation, session.pk)
    size = page_size(limit)
    if after_seq is not None:
        found = entries_shown(session, max(after_seq, 0) + 1, session.last_seq, size + 2, newest=False)
        if session.damaged_from is not None and found and is_gap(found[0]) and begins_gap(session, after_seq):
            found = found[1:]  # it was told of with the last page
        page = found[:size]
    else:
        last = session.last_seq if before_seq is None else before_seq - 1
        found = entries_shown(session, 1, last, size + 1, newest=True)
        page = found[-size:]
    return {
        "sessionKey": conversation.key,
        "sessionId": str(session.pk),
        "isCurrent": session.pk == conversation.current_session_id,
        "entries": entries_json(page),
        "hasMore": len(found) > size,
        "lastSeq": session.last_seq,
        **damage_json(session),
    }


def entries_shown(session: Session, first: int, last: int, limit: int, *, newest: bool) -> list[Entry]:
    """As `entries_between`, for whoever looks at a session: damage hides no more than what it hit (`entries_salvaged`)."""
    if session.damaged_from is None:
        found = entries_between(session, first, last, limit, newest=newest)
        if session.damaged_from is None:
            return found
    return entries_salvaged(session, first, last, limit, newest=newest)


def entries_between(session: Session, first: int, last: int, limit: int, *, newest: bool) -> list[Entry]:
    """Up to `limit` entries at positions `first` to `last`, in order; the newest of them or the oldest.

    Stops before damage; when it meets damage that nobody knew of, `session.damaged_from` says so afterwards.
    One query for the lineage and one for each segment touched.
    """
    line = segments(session.pk)
    while True:
        end = min(last, readable_last(session))
        if line and line[-1].first > 1:
            lineage_torn(session)
            return []
        found = _page(session, line, first, end, limit, newest=newest)
        if found is not None:
            return found


def _page(
    session: Session, line: list[Segment], first: int, last: int, limit: int, *, newest: bool
) -> list[Entry] | None:
    """As `entries_between`; None when it met damage, which `session` then tells."""
    found: list[Entry] = []
    for segment in line if newest else reversed(line):
        low, high, size = max(first, segment.first), min(last, segment.last), limit - len(found)
        if low > high or size <= 0:
            continue
        low, high = (max(low, high - size + 1), high) if newest else (low, min(high, low + size - 1))
        rows = Entry.objects.filter(session_id=segment.session_id, seq__gte=low, seq__lte=high).order_by("seq")
        page = entries_readable(session, segment.session_id, low, high, functools.partial(list, rows))
        if page is None:
            return None
        found = page + found if newest else found + page
    return found
