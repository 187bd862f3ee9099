"""What an operator looks at besides numbers: turns that a stop cut off, and the lives of servers with how each ended."""

from __future__ import annotations

import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import AuditEvent, Run, ServerInstance
from sessions_app.selectors.keyset import newest_page
from sessions_app.selectors.wire import page_size, wire_time
from sessions_app.values import Actor, AuditType, Json, Outcome, RunState

COUNT_MAX = 10_000
ALIVE_SECONDS = 20.0


def turns_interrupted(actor: Actor, *, limit: int = 20, cursor: str = "") -> Json:
    """Conversations whose newest turn was cut off by a stop, newest stop first. Three queries, four for a token.

    The cost grows with how many turns were ever cut off, not with what is stored.

    Args:
        actor: who asks; needs `view_any`.
        limit: rows on a page, at most PAGE_MAX_ROWS.
        cursor: `nextCursor` of the page before.

    Returns:
        {turns: [{sessionKey, title, sessionId, runId, inputSeq, interruptedAt, canContinue, mayRetry}], count, nextCursor}; `mayRetry`
        says whether the actor may chat there, `count` is of all pages, up to COUNT_MAX.

    Raises:
        InvalidParamsError: not a cursor of ours, or a limit out of bounds.
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    standing = access.require(actor, Action.VIEW)
    later = Q(input_seq__gt=OuterRef("input_seq")) | Q(
        input_seq=OuterRef("input_seq"), created_at__gt=OuterRef("created_at")
    )
    rows = Run.objects.filter(
        ~Exists(Run.objects.filter(later, session=OuterRef("session"))),
        state=RunState.INTERRUPTED,
        session__conversation__current_session=F("session"),
    )
    page, following = newest_page(
        rows.select_related("session__conversation").defer("partial"),
        "finished_at",
        limit=page_size(limit),
        cursor=cursor,
    )
    turns = [
        {
            "sessionKey": home.key,
            "title": home.title,
            "sessionId": str(run.session_id),
            "runId": str(run.pk),
            "inputSeq": run.input_seq,
            "interruptedAt": wire_time(run.finished_at),
            "canContinue": run.answer_seq is not None,
            "mayRetry": standing.has("chat_own" if home.owner_id == actor.user_id else "manage"),
        }
        for run, home in ((run, run.session.conversation) for run in page)
    ]
    return {"turns": turns, "count": rows[:COUNT_MAX].count(), "nextCursor": following}


def server_lives(actor: Actor, *, this_instance: UUID | None, limit: int = 10) -> Json:
    """The last lives of serving processes, newest first, each with how it ended. Three queries, four for a token.

    Args:
        actor: who asks; needs `view_any`.
        this_instance: the instance that answers; None where nobody serves.
        limit: rows at most.

    Returns:
        {lives: [{instanceId, host, pid, startedAt, stoppedAt, lastSeenAt, end, actor, trigger, reason, askedAt}]}; `end` is
        running, restart (somebody asked for it: actor, trigger, reason, askedAt), stop, or crash: it ended without a word.

    Raises:
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    access.require(actor, Action.VIEW)
    rows = list(ServerInstance.objects.order_by("-started_at")[:limit])
    asked = AuditEvent.objects.filter(type=AuditType.GATEWAY_RESTARTED, outcome=Outcome.OK).order_by("-seq")
    wishes = {event.data.get("instanceId"): event for event in asked[: 2 * limit]}
    return {"lives": [_life(row, wishes.get(str(row.pk)), this_instance) for row in rows]}


def _life(row: ServerInstance, wish: AuditEvent | None, this_instance: UUID | None) -> Json:
    return {
        "instanceId": str(row.pk),
        "host": row.host,
        "pid": row.pid,
        "startedAt": wire_time(row.started_at),
        "stoppedAt": wire_time(row.stopped_at),
        "lastSeenAt": wire_time(row.heartbeat_at),
        "end": _end(row, wish, this_instance),
        "actor": wish.actor_label if wish else "",
        "trigger": wish.trigger if wish else "",
        "reason": wish.reason if wish else "",
        "askedAt": wire_time(wish.created_at) if wish else None,
    }


def _end(row: ServerInstance, wish: AuditEvent | None, this_instance: UUID | None) -> str:
    if row.stopped_at is not None:
        return "restart" if wish else "stop"
    # SQLite has one server at a time; on PostgreSQL others may serve beside this one
    beside = connection.vendor != "sqlite" and row.heartbeat_at > timezone.now() - datetime.timedelta(
        seconds=ALIVE_SECONDS
    )
    return "running" if row.pk == this_instance or beside else "crash"
