"""The promise, computed from the data: every session is the current one of its conversation or listed among the archives."""

from __future__ import annotations

import time
from uuid import UUID

from django.db import connection

from sessions_app import access
from sessions_app.access import Action
from sessions_app.values import Actor, Json

LISTED_MAX = 20
KEPT_SECONDS = 10.0
_kept: dict[int | None, tuple[float, Json]] = {}


def reachable(actor: Actor, *, everyone: bool = False, anew: bool = False) -> Json:
    """Whether all sessions can be reached: one's own, or everybody's. One query, two for a token; two more every KEPT_SECONDS.

    It walks the sessions once, 2 µs of processor time for each (measured on 1,001), so its answer is kept for a moment.

    Args:
        actor: who asks.
        everyone: all sessions; needs `view_any`.
        anew: count now, whatever is kept.

    Returns:
        {sessions, lost: [{sessionId, problem}], lostCount}; at most LISTED_MAX are listed.

    Raises:
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    access.require(actor, Action.VIEW if everyone else Action.LIST)
    owner = None if everyone else actor.user_id
    kept = _kept.get(owner)
    now = time.monotonic()
    if kept is not None and not anew and now - kept[0] < KEPT_SECONDS:
        return kept[1]
    found = reachable_counted(owner)
    if len(_kept) > 1000:
        _kept.clear()
    _kept[owner] = (now, found)
    return found


def reachable_counted(owner_id: int | None) -> Json:
    """As `reachable`, counted now; None for everybody's. Two queries."""
    whose, values = ("", []) if owner_id is None else (" AND c.owner_id = %s", [owner_id])
    with connection.cursor() as cursor:
        cursor.execute(_COUNT + whose, values)
        total = cursor.fetchone()[0]
        cursor.execute(_LOST.format(whose=whose), values)
        lost = cursor.fetchall()
    listed = [{"sessionId": str(pk if isinstance(pk, UUID) else UUID(pk)), "problem": word} for pk, word in lost]
    return {"sessions": total, "lost": listed[:LISTED_MAX], "lostCount": len(listed)}


_COUNT = """
    SELECT COUNT(*) FROM sessions_app_session s LEFT JOIN sessions_app_conversation c ON c.id = s.conversation_id WHERE 1 = 1
"""
_LOST = """
    SELECT s.id, CASE WHEN c.id IS NULL THEN 'its conversation is missing' WHEN u.id IS NULL THEN 'its owner is missing'
        WHEN s.ended_at IS NULL AND (c.current_session_id IS NULL OR c.current_session_id <> s.id)
            THEN 'it is neither current nor among the archives'
        ELSE 'the session it continues is missing or too short' END
    FROM sessions_app_session s LEFT JOIN sessions_app_conversation c ON c.id = s.conversation_id
    LEFT JOIN sessions_app_user u ON u.id = c.owner_id LEFT JOIN sessions_app_session p ON p.id = s.parent_id
    WHERE (c.id IS NULL OR u.id IS NULL
        OR (s.ended_at IS NULL AND (c.current_session_id IS NULL OR c.current_session_id <> s.id))
        OR (s.parent_id IS NOT NULL AND (p.id IS NULL OR p.last_seq < s.parent_seq))) {whose}
    LIMIT 1000
"""
