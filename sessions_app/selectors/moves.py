"""What happened under one session key, newest first: every move of its pointer, and what was made of its sessions."""

from __future__ import annotations

import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from sessions_app import access
from sessions_app.access import Action, Standing
from sessions_app.models import AuditEvent, Conversation, Run, Session, Span
from sessions_app.selectors.keyset import numbered_page
from sessions_app.selectors.places import session_current
from sessions_app.selectors.wire import cursor_read, wire_time
from sessions_app.values import Actor, AuditType, EndReason, Json, Outcome, RunState, StartReason

STOPS_MAX = 50
M = TypeVar("M", bound=Model)
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
    """One page of what happened under a key. Eight queries, two more for a later page; the same at any number of sessions.

    Args:
        actor: who asks.
        session_key: the conversation.
        limit: moves on a page, at most PAGE_MAX_ROWS; stops of the server between them come on top, at most STOPS_MAX.
        cursor: `nextCursor` of the page before.

    Returns:
        {sessionKey, currentSessionId, sessions, checkpoints, moves: [MOVE], moreStops, nextCursor}. MOVE is {id, type, at, actor,
        trigger, reason, old: SIDE|None, new: SIDE|None, isNewest, isStop, facts}: `type` an audit type, or with id None crash, restart,
        shutdown (of the server), interrupted (an answer, at `seq`) and session.branched where a branch itself began; SIDE is
        {sessionId, sessionKey, isCurrent, isHere, mayOpen, messages, entries}; `isNewest` marks the move of the pointer that an undo
        takes back; `facts` holds what is known of checkpointId, label, seq, parentSeq, tokensBefore and so on.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`.
        InvalidParamsError: not a cursor of ours, or a limit out of bounds.
    """
    conversation = access.conversation(actor, Action.VIEW, session_key)
    current = session_current(conversation)
    rows = AuditEvent.objects.filter(session_key=session_key, outcome=Outcome.OK, type__in=_TYPES)
    page, following = numbered_page(rows, limit=limit, cursor=cursor)
    ids = {pk for row in page for pk in (row.old_session_id, row.new_session_id) if pk} | {current.pk}
    within = _within(page, cursor, is_last=following is None)
    cuts = _cuts(conversation, within)
    ids |= {run.session_id for run in cuts}
    began = _branch_began(conversation) if following is None and not _is_created(page) else None
    if began is not None:
        ids |= {began.pk, *([began.parent_id] if began.parent_id else [])}
    found = Session.objects.select_related("conversation").in_bulk(ids)
    standing = access.require(actor, Action.LIST)
    sides = {pk: _side(row, conversation, actor, standing) for pk, row in found.items()}
    spans = _stops(ids, conversation, within)
    moves = [_move(row, sides, current.pk) for row in page]
    moves += [_stop(span.close_reason, span.closed_at, sides.get(span.session_id)) for span in spans[:STOPS_MAX]]
    moves += [_cut(run, sides) for run in cuts[:STOPS_MAX]]
    if began is not None:
        moves.append(_began(began, sides))
    return {
        "sessionKey": session_key,
        "currentSessionId": str(current.pk),
        "sessions": conversation.session_count,
        "checkpoints": conversation.checkpoint_count,
        "moves": sorted(moves, key=lambda move: move["at"], reverse=True),
        "moreStops": max(len(spans), len(cuts)) > STOPS_MAX,
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
        "isStop": False,
        "facts": {name: row.data[name] for name in _TOLD if row.data.get(name) is not None},
    }


Within = tuple[datetime.datetime | None, datetime.datetime | None]


def _within(page: list[AuditEvent], cursor: str, *, is_last: bool) -> Within:
    """After and until when things without an audit event of their own belong to this page. One query on later pages."""
    after = page[-1].created_at if page and not is_last else None
    before = cursor_read(cursor, 1)
    newer = AuditEvent.objects.filter(seq=int(before[0])).first() if before else None
    return after, newer.created_at if newer is not None else None


def _bounded(rows: QuerySet[M], field: str, within: Within) -> list[M]:
    """The newest rows within; one more than is shown."""
    after, until = within
    if after is not None:
        rows = rows.filter(**{f"{field}__gt": after})
    if until is not None:
        rows = rows.filter(**{f"{field}__lte": until})
    return list(rows.order_by(f"-{field}")[: STOPS_MAX + 1])


def _stops(ids: set[UUID], here: Conversation, within: Within) -> list[Span]:
    """The stops of the server while one of these sessions was open. One query."""
    spans = Span.objects.filter(session_id__in=ids, session__conversation=here, close_reason__in=_STOPS)
    return _bounded(spans, "closed_at", within)


def _cuts(here: Conversation, within: Within) -> list[Run]:
    """The answers that a stop cut off. One query."""
    runs = Run.objects.filter(session__conversation=here, state=RunState.INTERRUPTED).defer("partial")
    return _bounded(runs, "finished_at", within)


def _is_created(page: list[AuditEvent]) -> bool:
    return bool(page) and page[-1].type == AuditType.CONVERSATION_CREATED


def _branch_began(here: Conversation) -> Session | None:
    """The session that a branch began with; its audit event lies under the key that it came from. One query."""
    return Session.objects.filter(conversation=here, start_reason=StartReason.BRANCH).order_by("started_at").first()


def _stop(kind: str, at: datetime.datetime | None, new: Json | None, *, facts: Json | None = None) -> Json:
    return {
        "id": None,
        "type": kind,
        "at": wire_time(at),
        "actor": "",
        "trigger": "",
        "reason": "",
        "old": None,
        "new": new,
        "isNewest": False,
        "isStop": True,
        "facts": facts or {},
    }


def _cut(run: Run, sides: dict[UUID, Json]) -> Json:
    facts = {"seq": run.answer_seq or run.input_seq, "runId": str(run.pk)}
    return _stop("interrupted", run.finished_at, sides.get(run.session_id), facts=facts)


def _began(session: Session, sides: dict[UUID, Json]) -> Json:
    """How a branch began, told under its own key."""
    step = _stop(str(AuditType.SESSION_BRANCHED), session.started_at, sides.get(session.pk))
    by: Json = {"actor": session.start_actor, "trigger": session.start_trigger, "isStop": False}
    old = sides.get(session.parent_id) if session.parent_id else None
    return step | by | {"old": old, "facts": {"parentSeq": session.parent_seq}}
