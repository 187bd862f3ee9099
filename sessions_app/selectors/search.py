"""Search over what was said, in current and archived sessions, for whoever may read it.

The index names candidates, newest first; the entries themselves decide, so that nothing is shown that is not stored, not permitted or
not what was asked for. A page looks at a bounded number of candidates, whatever is stored.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError

from sessions_app import access
from sessions_app.access import Action, Standing
from sessions_app.errors import InvalidParamsError, StorageUnavailableError
from sessions_app.models import Entry, SearchRow, Session
from sessions_app.selectors.damage import UnreadableError, readable
from sessions_app.selectors.reading import sessions_readable
from sessions_app.selectors.search_backlog import agent_mark, position_at, search_lag
from sessions_app.selectors.search_engines import POSITION_MAX, SECOND_SHIFT, Wish, search_engine
from sessions_app.selectors.search_snippets import rank_of, snippet
from sessions_app.selectors.wire import cursor_read, cursor_write, page_size, wire_time
from sessions_app.values import Actor, Json, Role
from sessions_app.values.analysis import Term, Word, found_all, query_parsed, words_of

CANDIDATES_MAX = 2_000  # that one page looks at
RANKED_MAX = 200  # the newest hits, of which the best are shown
_SESSIONS_AS_MARKS = 200
_STEP_MAX = 500
STATES = ("current", "archived")
ORDERS = ("newest", "rank")


@dataclass(slots=True)
class _Search:
    """One search under way."""

    actor: Actor
    standing: Standing
    terms: list[Term]
    wish: Wish
    floor: int
    state: str
    after: datetime.datetime | None
    before: datetime.datetime | None
    hits: list[tuple[int, Entry, list[Word]]] = field(default_factory=list)
    looked_at: int = 0
    position: int = POSITION_MAX
    is_done: bool = False


def search(  # noqa: PLR0913 - the filters of the page
    actor: Actor,
    *,
    query: str,
    session_key: str = "",
    role: str = "",
    agent: str = "",
    state: str = "",
    after: datetime.datetime | None = None,
    before: datetime.datetime | None = None,
    order: str = "newest",
    limit: int = 20,
    cursor: str = "",
) -> Json:
    """Entries that hold all words of a query. About ten queries; more when filters leave out most of what is found, never many.

    Args:
        actor: who asks; without `view_any` only their own conversations are searched.
        query: words, "phrases" and beginnings with a star; any text is allowed and none is an operator.
        session_key: only in this conversation.
        role: only said by `user`, `assistant` or `system`.
        agent: only in conversations of this agent.
        state: `current` or `archived` sessions only.
        after, before: only said from then on, and before.
        order: `newest` first, or by `rank` among the newest RANKED_MAX.
        limit: hits on a page, at most PAGE_MAX_ROWS.
        cursor: `nextCursor` of the page before; by rank there is one page.

    Returns:
        {hits: [{sessionKey, title, owner, agent, sessionId, isCurrent, seq, kind, role, createdAt, isWithheld, snippet: [{text,
        isMatch}]}], nextCursor, lookedBackTo, lag: {entries, seconds}}. With a `nextCursor` a page may hold fewer hits than asked
        for, even none: it has looked as far back as `lookedBackTo`. Text of other people's conversations is withheld (`isWithheld`,
        no snippet) until the actor has said why they read there.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`.
        InvalidParamsError: an unknown state or order, or not a cursor of ours.
        StorageUnavailableError: the index cannot be read.
    """
    standing = access.require(actor, Action.LIST)
    if state not in ("", *STATES) or order not in ORDERS:
        raise InvalidParamsError("state is current or archived, order is newest or rank.", field="state")
    size = page_size(limit)
    terms = query_parsed(query)
    marks = _marks(actor, standing, session_key, role, agent)
    answer: Json = {"hits": [], "nextCursor": None, "lookedBackTo": None, "lag": search_lag()}
    groups = _session_marks(actor, standing, session_key, state)
    if not terms or (groups is not None and not groups):
        return answer
    run = _Search(
        actor=actor,
        standing=standing,
        terms=terms,
        wish=Wish(terms, marks, [groups] if groups else []),
        floor=position_at(after) if after else 0,
        state=state,
        after=after,
        before=before,
        position=min(_cursor_position(cursor), position_at(before, seconds=1) if before else POSITION_MAX),
    )
    _walk(run, RANKED_MAX if order == "rank" else size)
    if order == "rank":
        run.hits.sort(key=lambda hit: (-rank_of(terms, hit[2]), -hit[0]))
        return {**answer, "hits": _shown(run, size)}
    if run.is_done and len(run.hits) <= size:
        return {**answer, "hits": _shown(run, size)}
    last = run.hits[size - 1][0] if len(run.hits) > size else run.position
    return {
        **answer,
        "hits": _shown(run, size),
        "nextCursor": cursor_write("search", last),
        "lookedBackTo": wire_time(_moment(last)),
    }


def _walk(run: _Search, wanted: int) -> None:
    """Look at candidates, newest first, until one hit more than wanted is there, none are left, or enough were looked at."""
    engine = search_engine()
    step = min(wanted + 1, _STEP_MAX)
    while len(run.hits) <= wanted and run.looked_at < CANDIDATES_MAX:
        try:
            positions = engine.find(run.wish, below=run.position, floor=run.floor, limit=step)
        except DatabaseError as error:
            raise StorageUnavailableError(
                "The search index could not be read; everything that was said is safe. `manage.py search rebuild` makes it again."
            ) from error
        _check(run, positions)
        run.looked_at += len(positions)
        if len(positions) < step:
            run.is_done = True
            return
        run.position = positions[-1]
        step = min(step * 2, _STEP_MAX)


def _check(run: _Search, positions: list[int]) -> None:
    """Keep of some candidates what is stored, permitted and holds the words. Two queries."""
    by_entry = dict(SearchRow.objects.filter(pk__in=positions).values_list("entry_id", "position"))
    rows = Entry.objects.filter(pk__in=by_entry).select_related("session__conversation__owner")
    if not run.standing.has("view_any"):
        rows = rows.filter(session__conversation__owner_id=run.actor.user_id)
    if run.state:
        rows = rows.filter(session__ended_at__isnull=run.state == "current")
    if run.after:
        rows = rows.filter(created_at__gte=run.after)
    if run.before:
        rows = rows.filter(created_at__lt=run.before)
    rows = rows.defer("data", "digest")
    try:
        found = readable(lambda: list(rows))
    except UnreadableError:  # rather fewer hits than none
        found = [entry for pk in by_entry for entry in _one(rows.filter(pk=pk))]
    for entry in sorted(found, key=lambda entry: -by_entry[entry.pk]):
        words = list(words_of(entry.text))
        if found_all(run.terms, words):
            run.hits.append((by_entry[entry.pk], entry, words))


def _one(rows: Any) -> list[Entry]:
    try:
        return readable(lambda: list(rows))
    except UnreadableError:
        return []


def _marks(actor: Actor, standing: Standing, session_key: str, role: str, agent: str) -> list[str]:
    """The filters that are marks. None, three or four queries."""
    marks = []
    if session_key:
        marks.append(f".k{access.conversation(actor, Action.VIEW, session_key).pk.hex}")
    elif not standing.has("view_any"):
        marks.append(f".o{actor.user_id}")
    if role:
        if role not in list(Role):
            raise InvalidParamsError("role is one of " + ", ".join(Role) + ".", field="role")
        marks.append(f".r{role}")
    if agent:
        marks.append(agent_mark(agent))
    return marks


def _session_marks(actor: Actor, standing: Standing, session_key: str, state: str) -> list[str] | None:
    """The sessions in a state as marks, when they are few; None when their state is looked at afterwards. One query."""
    if not state:
        return None
    sessions = Session.objects.filter(ended_at__isnull=state == "current")
    if session_key:
        sessions = sessions.filter(conversation__key=session_key)
    elif not standing.has("view_any"):
        sessions = sessions.filter(conversation__owner_id=actor.user_id)
    ids = list(sessions.values_list("pk", flat=True)[: _SESSIONS_AS_MARKS + 1])
    return [f".s{pk.hex}" for pk in ids] if len(ids) <= _SESSIONS_AS_MARKS else None


def _shown(run: _Search, size: int) -> list[Json]:
    page = [(entry, words) for _, entry, words in run.hits[:size]]
    open_ones = sessions_readable(run.actor, {e.session_id: e.session.conversation.owner_id for e, _ in page})
    return [_hit(entry, words, run.terms, may_read=entry.session_id in open_ones) for entry, words in page]


def _hit(entry: Entry, words: list[Word], terms: list[Term], *, may_read: bool) -> Json:
    conversation = entry.session.conversation
    return {
        "sessionKey": conversation.key,
        "title": conversation.title,
        "owner": conversation.owner.get_username(),
        "agent": conversation.agent,
        "sessionId": str(entry.session_id),
        "isCurrent": entry.session.ended_at is None,
        "seq": entry.seq,
        "kind": entry.kind,
        "role": entry.role or None,
        "createdAt": wire_time(entry.created_at),
        "isWithheld": not may_read,
        "snippet": snippet(entry.text, words, terms) if may_read else [],
    }


def _cursor_position(cursor: str) -> int:
    words = cursor_read(cursor, 2)
    if words is None:
        return POSITION_MAX
    if words[0] != "search" or not words[1].isdecimal() or len(words[1]) > 19:
        raise InvalidParamsError("This cursor belongs to another list. Start from the first page.", field="cursor")
    return min(int(words[1]), POSITION_MAX)


def _moment(position: int) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromtimestamp(position >> SECOND_SHIFT, datetime.UTC)
    except (OverflowError, ValueError, OSError):
        return None
