"""What happened under one session key, newest first: every move of its pointer, and what was made of its sessions."""

from __future__ import annotations

from uuid import UUID

from sessions_app import access
from sessions_app.access import Action, Standing
from sessions_app.models import AuditEvent, Conversation, Session, Span
from sessions_app.selectors.keyset import numbered_page
from sessions_app.selectors.places import session_current
from sessions_app.selectors.wire import cursor_read, wire_time
from sessions_app.values import Actor, AuditType, EndReason, Json, Outcome

STOPS_MAX = 50
POINTER_MOVES = (AuditType.SESSION_RESET, AuditType.SESSION_RESTORED)
_TYPES = (
    *POINTER_MOVES,
    AuditType.CONVERSATION_CREATED,
    AuditType.SESSION_BRANCHED,
    AuditType.SESSION_COMPACTED,
    AuditType.SESSION_ADOPTED,
    AuditType.SESSION_IMPORTED,
    AuditType.CHECKPOINT_CREATED,
)
_STOPS = (EndReason.CRASH, EndReason.RESTART, EndReason.SHUTDOWN)
_TOLD = ("checkpointId", "label", "seq", "parentSeq", "coversSeq", "tokensBefore", "tokensAfter", "toKey")


def session_moves(actor: Actor, *, session_key: str, limit: int = 50, cursor: str = "") -> Json:
    """One page of what happened under a key. Seven queries, two more for a later page; the same at any number of sessions.

    Args:
        actor: who asks.
        session_key: the conversation.
        limit: moves on a page, at most PAGE_MAX_ROWS; stops of the server between them come on top, at most STOPS_MAX.
        cursor: `nextCursor` of the page before.

    Returns:
        {sessionKey, currentSessionId, sessions, checkpoints, moves: [MOVE], moreStops, nextCursor}. MOVE is {id, type, at, actor,
        trigger, reason, old: SIDE|None, new: SIDE|None, isNewest, facts}: `type` an audit type, or crash, restart, shutdown with
        id None; SIDE is {sessionId, sessionKey, isCurrent, isHere, mayOpen, messages, entries}; `isNewest` marks the move of the
        pointer that an undo takes back; `facts` holds what is known of checkpointId, label, seq, parentSeq, tokensBefore and so on.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`.
        InvalidParamsError: not a cursor of ours, or a limit out of bounds.
    """
    conversation = access.conversation(actor, Action.VIEW, session_key)
    current = session_current(conversation)
    rows = AuditEvent.objects.filter(session_key=session_key, outcome=Outcome.OK, type__in=_TYPES)
    page, following = numbered_page(rows, limit=limit, cursor=cursor)
    ids = {pk for row in page for pk in (row.old_session_id, row.new_session_id) if pk} | {current.pk}
    found = Session.objects.select_related("conversation").in_bulk(ids)
    standing = access.require(actor, Action.LIST)
    sides = {pk: _side(row, conversation, actor, standing) for pk, row in found.items()}
    spans = _stops(page, ids, conversation, cursor, is_last=following is None)
    moves = [_move(row, sides, current.pk) for row in page] + [_stop(span, sides) for span in spans[:STOPS_MAX]]
    return {
        "sessionKey": session_key,
        "currentSessionId": str(current.pk),
        "sessions": conversation.session_count,
        "checkpoints": conversation.checkpoint_count,
        "moves": sorted(moves, key=lambda move: move["at"], reverse=True),
        "moreStops": len(spans) > STOPS_MAX,
        "nextCursor": following,
    }


def _side(session: Session, here: Conversation, actor: Actor, standing: Standing) -> Json:
    home = session.conversation
    may_open = home.pk == here.pk or home.owner_id == actor.user_id or standing.has("view_any")
    return {
        "sessionId": str(session.pk),
        "sessionKey": home.key,
        "isCurrent": home.current_session_id == session.pk,
        "isHere": home.pk == here.pk,
        "mayOpen": may_open,
        "messages": session.messages if may_open else None,
        "entries": session.last_seq if may_open else None,
    }


def _move(row: AuditEvent, sides: dict[UUID, Json], current: UUID) -> Json:
    return {
        "id": row.seq,
        "type": row.type,
        "at": wire_time(row.created_at),
        "actor": row.actor_label,
        "trigger": row.trigger,
        "reason": row.reason,
        "old": sides.get(row.old_session_id) if row.old_session_id else None,
        "new": sides.get(row.new_session_id) if row.new_session_id else None,
        "isNewest": row.type in POINTER_MOVES and row.new_session_id == current,
        "facts": {name: row.data[name] for name in _TOLD if row.data.get(name) is not None},
    }


def _stops(page: list[AuditEvent], ids: set[UUID], here: Conversation, cursor: str, *, is_last: bool) -> list[Span]:
    """The stops of the server while one of these sessions was open, between the moves of this page. One query, two on later pages."""
    spans = Span.objects.filter(session_id__in=ids, session__conversation=here, close_reason__in=_STOPS)
    if page and not is_last:
        spans = spans.filter(closed_at__gt=page[-1].created_at)
    before = cursor_read(cursor, 1)
    newer = AuditEvent.objects.filter(seq=int(before[0])).first() if before else None
    if newer is not None:
        spans = spans.filter(closed_at__lte=newer.created_at)
    return list(spans.order_by("-closed_at")[: STOPS_MAX + 1])


def _stop(span: Span, sides: dict[UUID, Json]) -> Json:
    return {
        "id": None,
        "type": span.close_reason,
        "at": wire_time(span.closed_at),
        "actor": "",
        "trigger": "",
        "reason": "",
        "old": None,
        "new": sides.get(span.session_id),
        "isNewest": False,
        "facts": {},
    }
