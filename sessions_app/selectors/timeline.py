"""The timeline of one session key: its sessions and checkpoints in one strip, newest first."""

from __future__ import annotations

from typing import Any

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import Checkpoint, Session
from sessions_app.selectors.checkpoints import checkpoint_json
from sessions_app.selectors.keyset import newest_page
from sessions_app.selectors.places import session_current
from sessions_app.selectors.sessions import session_ends
from sessions_app.selectors.wire import cursor_write, page_size, wire_time
from sessions_app.values import Actor, Json


def timeline(actor: Actor, *, session_key: str, limit: int = 50, cursor: str = "") -> Json:
    """One page of the timeline. Five queries, whatever its length.

    Args:
        actor: who asks.
        session_key: the conversation.
        limit: items on a page, at most PAGE_MAX_ROWS.
        cursor: `nextCursor` of the page before.

    Returns:
        {sessionKey, currentSessionId, items, nextCursor}. An item has `type` ("session" or "checkpoint") and `at`: when the
        session began, or the checkpoint was made. The current session stands first whenever it began.
    """
    conversation = access.conversation(actor, Action.VIEW, session_key)
    size = page_size(limit)
    current = session_current(conversation)
    sessions, _ = newest_page(
        Session.objects.filter(conversation=conversation).exclude(pk=current.pk),
        "started_at",
        limit=size + 1,
        cursor=cursor,
    )
    checkpoints, _ = newest_page(
        Checkpoint.objects.filter(conversation=conversation), "created_at", limit=size + 1, cursor=cursor
    )
    rows: list[Session | Checkpoint] = sorted([*sessions, *checkpoints], key=_position, reverse=True)
    items = [_item(row) for row in rows[:size]]
    if not cursor:
        items.insert(0, {**_item(current), "isCurrent": True})
    return {
        "sessionKey": session_key,
        "currentSessionId": str(current.pk),
        "items": items,
        "nextCursor": cursor_write(*_position(rows[size - 1])) if len(rows) > size else None,
    }


def _position(row: Session | Checkpoint) -> tuple[Any, Any]:
    return (row.started_at if isinstance(row, Session) else row.created_at), row.pk


def _item(row: Session | Checkpoint) -> Json:
    if isinstance(row, Checkpoint):
        return {"type": "checkpoint", "at": wire_time(row.created_at), **checkpoint_json(row)}
    return {
        "type": "session",
        "at": wire_time(row.started_at),
        "sessionId": str(row.pk),
        "isCurrent": False,
        "entries": row.last_seq,
        "messages": row.messages,
        **session_ends(row),
    }
