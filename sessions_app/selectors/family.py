"""Where a session came from and what came from it: its ancestors, itself, and its branches."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import F

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import Session
from sessions_app.selectors.lineage import segments
from sessions_app.values import Actor, Json

ANCESTORS_MAX = 5
BRANCHES_MAX = 12


def session_family(actor: Actor, *, session_id: UUID) -> Json:
    """The nearest relatives of a session. Six queries, however large the family.

    Args:
        actor: who asks; may see the session, so it may know the names of its relatives. Opening one asks again.
        session_id: the session in the middle.

    Returns:
        {members: [{sessionId, sessionKey, parentSessionId, parentSeq, lastSeq, isCurrent, isThis}], moreAncestors, moreBranches};
        ancestors first, the oldest shown one at the top, then the session, then its branches, newest first. At most ANCESTORS_MAX
        ancestors and BRANCHES_MAX branches; the two numbers say how many were left out.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.session`.
    """
    access.session(actor, Action.VIEW, session_id)
    line = [segment.session_id for segment in segments(session_id) if segment.session_id != session_id]
    near = line[:ANCESTORS_MAX]
    branches = Session.objects.filter(parent_id=session_id)
    children = list(_facts(branches.order_by("-started_at", "-pk"))[: BRANCHES_MAX + 1])
    known = {row["pk"]: row for row in _facts(Session.objects.filter(pk__in=[*near, session_id]))}
    rows = [known[pk] for pk in [*reversed(near), session_id] if pk in known]
    count = branches.count() if len(children) > BRANCHES_MAX else len(children)
    return {
        "members": [_member(row, session_id) for row in [*rows, *children[:BRANCHES_MAX]]],
        "moreAncestors": len(line) - len(near),
        "moreBranches": max(count - BRANCHES_MAX, 0),
    }


def _facts(rows: Any) -> Any:
    key, current = F("conversation__key"), F("conversation__current_session_id")
    return rows.values("pk", "parent_id", "parent_seq", "last_seq", key=key, current=current)


def _member(row: dict[str, Any], session_id: UUID) -> Json:
    return {
        "sessionId": str(row["pk"]),
        "sessionKey": row["key"],
        "parentSessionId": str(row["parent_id"]) if row["parent_id"] else None,
        "parentSeq": row["parent_seq"],
        "lastSeq": row["last_seq"],
        "isCurrent": row["current"] == row["pk"],
        "isThis": row["pk"] == session_id,
    }
