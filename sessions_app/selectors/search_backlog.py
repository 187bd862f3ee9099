"""What the search index does not hold yet, ready to be put in. Reads only: splitting texts into words costs a reader, not the writer."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from sessions_app.models import Entry, SearchState
from sessions_app.selectors.damage import UnreadableError, readable
from sessions_app.selectors.search_engines import SECOND_SHIFT, Document
from sessions_app.values import Json
from sessions_app.values.analysis import INDEXED_MAX_CHARS, single_marks, word_texts

STEP_ENTRIES = 50  # beside people who send: a step takes the writer some milliseconds
BULK_ENTRIES = 500  # for a command that does nothing else
_WORDS_PER_ENTRY = 100
LAG_COUNTED = 10_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_COLUMNS = (
    *("pk", "text", "role", "created_at", "session_id"),
    *("session__conversation_id", "session__conversation__owner_id", "session__conversation__agent"),
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """The next documents: of the entries after id `after` up to id `upto`.

    `head` and `horizon` are what is to be remembered, see `models.SearchState`; `has_more` says whether entries wait behind.
    """

    after: int
    upto: int
    documents: list[Document]
    head: int
    horizon: int
    has_more: bool
    is_news: bool


def backlog(entries: int = STEP_ENTRIES) -> Backlog:
    """The next batch. Four queries, two more on PostgreSQL, whatever is stored.

    Args:
        entries: at most; fewer when they hold more than 100 words each.
    """
    state = SearchState.objects.filter(pk=1).first() or SearchState()
    newest = Entry.objects.aggregate(newest=Max("pk"))["newest"] or 0
    decided, head, horizon = newest, newest, 0
    if connection.vendor == "postgresql" and newest > state.cursor:
        decided, head, horizon = _decided(state, newest)
    ids = Entry.objects.filter(pk__gt=state.cursor, pk__lte=decided).order_by("pk").values_list("pk", flat=True)
    wanted = list(ids[:entries])
    upto = wanted[-1] if len(wanted) == entries else max(decided, state.cursor)
    documents: list[Document] = []
    words = 0
    for row in _rows(wanted):
        document = _document(row)
        if document.words:
            documents.append(document)
            words += len(document.words)
        if words > entries * _WORDS_PER_ENTRY:
            upto = document.entry_id
            break
    return Backlog(
        after=state.cursor,
        upto=upto,
        documents=documents,
        head=head,
        horizon=horizon,
        has_more=upto < decided,
        is_news=(upto, head, horizon) != (state.cursor, state.head, state.horizon) and newest > state.cursor,
    )


def search_lag() -> Json:
    """How far the index is behind. Up to four queries.

    Returns:
        {entries, seconds}: how many entries are not found yet (above LAG_COUNTED by their ids), and how long the oldest waits.
    """
    cursor = SearchState.objects.filter(pk=1).values_list("cursor", flat=True).first() or 0
    newest = Entry.objects.aggregate(newest=Max("pk"))["newest"] or 0
    if newest <= cursor:
        return {"entries": 0, "seconds": 0.0}
    try:
        at = readable(
            lambda: Entry.objects.filter(pk__gt=cursor).order_by("pk").values_list("created_at", flat=True).first()
        )
    except UnreadableError:
        at = None
    seconds = max((timezone.now() - at).total_seconds(), 0.0) if at else 0.0
    waiting = Entry.objects.filter(pk__gt=cursor)[: LAG_COUNTED + 1].count()
    return {"entries": waiting if waiting <= LAG_COUNTED else newest - cursor, "seconds": round(seconds, 1)}


def agent_mark(agent: str) -> str:
    """The mark of an agent's name, which may hold any character."""
    return f".a{hashlib.sha256(agent.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def position_at(moment: datetime.datetime, *, seconds: int = 0) -> int:
    """The first position of the second of a moment, or of so many seconds later."""
    whole = (moment - _EPOCH) // datetime.timedelta(seconds=1)
    return max(whole + seconds, 0) << SECOND_SHIFT


def _decided(state: SearchState, newest: int) -> tuple[int, int, int]:
    """Up to which id nothing can be added any more, and the head and horizon to remember.

    A transaction has its number before it takes an id, because it has counted its session up before. So once every transaction
    that was under way when `newest` was seen has ended, all ids up to it are decided: those are the ones before a number that is
    drawn after `newest` was seen. Transactions of other databases of the same server add nothing here, so they are not waited for.
    """
    with connection.cursor() as cursor:
        head, horizon = state.head, state.horizon
        if state.cursor >= head:
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            head, horizon = newest, cursor.fetchone()[0]
        cursor.execute(_UNDER_WAY, [horizon])
        is_decided = not cursor.fetchone()[0]
    return (head if is_decided else state.cursor), head, horizon


def _rows(ids: list[int]) -> list[tuple[Any, ...]]:
    """The columns of entries in the order of their ids; what cannot be read is left out. One query when all can be read."""
    rows = Entry.objects.order_by("pk").values_list(*_COLUMNS)
    try:
        return readable(lambda: list(rows.filter(pk__in=ids)))
    except UnreadableError:
        if len(ids) == 1:
            return []
        return [row for pk in ids for row in _rows([pk])]


def _document(row: tuple[Any, ...]) -> Document:
    pk, text, role, at, session_id, conversation_id, owner_id, agent = row
    words = word_texts(text[:INDEXED_MAX_CHARS]) if isinstance(text, str) else []
    moment = at if isinstance(at, datetime.datetime) else _EPOCH
    marks = [f".k{conversation_id.hex}", f".s{session_id.hex}", f".o{owner_id}", f".r{role}", agent_mark(agent)]
    marks += single_marks(words)
    return Document(position_at(moment) | (pk & ((1 << SECOND_SHIFT) - 1)), pk, marks, words)


# numbers under way carry their epoch, those of the activity view do not; a number that no view explains is waited for
_UNDER_WAY = """
    SELECT EXISTS (
        SELECT 1 FROM pg_snapshot_xip(pg_current_snapshot()) AS running(id) WHERE running.id::text::bigint < %s
        AND NOT EXISTS (
            SELECT 1 FROM pg_stat_activity other WHERE other.datname <> current_database()
            AND other.backend_xid::text::bigint = (running.id::text::bigint & 4294967295)
        )
    )
"""
