"""Conversations as lists show them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import Conversation, Run
from sessions_app.selectors.keyset import newest_page
from sessions_app.selectors.wire import page_size, wire_time
from sessions_app.values import Actor, Json, RunState


def conversation_list(  # noqa: PLR0913 - the filters of the list
    actor: Actor,
    *,
    limit: int = 50,
    cursor: str = "",
    query: str = "",
    kind: str = "",
    owner: str = "",
    mine: bool = False,
    pinned: bool = False,
) -> Json:
    """The conversations an actor may see, last used first. Five queries, whatever the size.

    Args:
        actor: who asks; without `view_any` only their own are listed.
        limit: rows on a page, at most PAGE_MAX_ROWS.
        cursor: `nextCursor` of the page before.
        query: words of title or key.
        kind: only this kind.
        owner: only of this user name.
        mine: only one's own, whatever one may see.
        pinned: only those that are pinned.

    Returns:
        {sessions: [row], nextCursor}; a row as `conversation_get`.
    """
    standing = access.require(actor, Action.LIST)
    rows = Conversation.objects.select_related("current_session", "owner")
    if mine or not standing.has("view_any"):
        rows = rows.filter(owner_id=actor.user_id)
    if pinned:
        rows = rows.filter(pinned=True)
    if kind:
        rows = rows.filter(kind=kind)
    if owner:
        rows = rows.filter(owner__username=owner)
    rows = _matching(rows, query)
    page, next_cursor = newest_page(rows, "updated_at", limit=page_size(limit), cursor=cursor)
    states = _run_states(row.current_session_id for row in page if row.current_session_id)
    return {"sessions": [_row(row, states) for row in page], "nextCursor": next_cursor}


def conversation_get(actor: Actor, *, session_key: str) -> Json:
    """One conversation. Six queries.

    Returns:
        {sessionKey, sessionId, conversationId, title, kind, agent, owner, pinned, locked, entries, messages, updatedAt,
        createdAt, archivedCount, checkpointCount, lastEvent, running, queued, lastRunState}.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`.
    """
    return conversation_row(access.conversation(actor, Action.VIEW, session_key))


def conversation_row(conversation: Conversation) -> Json:
    """A conversation whose actor was asked already, as `conversation_get`. Up to four queries."""
    current = conversation.current_session_id
    return _row(conversation, _run_states([current] if current else []))


def _matching(rows: QuerySet[Conversation], query: str) -> QuerySet[Conversation]:
    for word in query.split()[:8]:
        rows = rows.filter(Q(title__icontains=word) | Q(key__icontains=word))
    return rows


def _run_states(session_ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    """The states of open runs, and of the newest run, by session. Two queries."""
    ids = list(session_ids)
    states: dict[UUID, list[str]] = {pk: [] for pk in ids}
    if not ids:
        return states
    native = connection.features.has_native_uuid_field
    marks = ",".join(["%s"] * len(ids))
    # the states stand as literals: with parameters SQLite cannot see that the partial index covers them
    sql = f"SELECT id, session_id, state FROM sessions_app_run WHERE session_id IN ({marks}) AND state IN ('queued', 'running')"  # noqa: S608
    for run in Run.objects.raw(sql, [pk if native else pk.hex for pk in ids]):
        states[run.session_id].append(run.state)
    newest = f"""
        SELECT r.id, r.session_id, r.state FROM sessions_app_session s JOIN sessions_app_run r ON r.id = (
            SELECT x.id FROM sessions_app_run x WHERE x.session_id = s.id ORDER BY x.input_seq DESC, x.created_at DESC LIMIT 1)
        WHERE s.id IN ({marks})
    """  # noqa: S608 - only placeholders are put in
    for run in Run.objects.raw(newest, [pk if native else pk.hex for pk in ids]):
        states[run.session_id].append(f"last:{run.state}")
    return states


def _row(row: Conversation, states: dict[UUID, list[str]]) -> Json:
    session = row.current_session
    assert session is not None
    own = states.get(session.pk, [])
    last = next((state.removeprefix("last:") for state in own if state.startswith("last:")), None)
    return {
        "sessionKey": row.key,
        "sessionId": str(session.pk),
        "conversationId": str(row.pk),
        "title": row.title,
        "kind": row.kind,
        "agent": row.agent,
        "owner": row.owner.get_username(),
        "pinned": row.pinned,
        "locked": row.locked,
        "entries": session.last_seq,
        "messages": session.messages,
        "updatedAt": wire_time(row.updated_at),
        "createdAt": wire_time(row.created_at),
        "archivedCount": row.session_count - 1,
        "checkpointCount": row.checkpoint_count,
        "lastEvent": row.last_event,
        "running": RunState.RUNNING in own,
        "queued": own.count(RunState.QUEUED),
        "lastRunState": last,
    }
