"""What an operator looks at besides numbers: turns that a stop cut off, and the lives of servers with how each ended."""

from __future__ import annotations

import datetime
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import AuditEvent, Conversation, Run, ServerInstance
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, AuditType, Json, Outcome, RunState

CONVERSATIONS_LOOKED_AT = 200  # the last used ones: a list for people, whatever is stored
ALIVE_SECONDS = 20.0


def turns_interrupted(actor: Actor, *, limit: int = 20) -> Json:
    """Conversations whose newest turn was cut off by a stop, last used first. Two queries, three for a token.

    Only the conversations used last are looked at, so that the cost does not grow with what is stored.

    Args:
        actor: who asks; needs `view_any`.
        limit: rows at most.

    Returns:
        {turns: [{sessionKey, title, sessionId, runId, inputSeq, interruptedAt, canContinue, mayRetry}], more}; `mayRetry` says
        whether the actor may chat there.

    Raises:
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    standing = access.require(actor, Action.VIEW)
    newest = Run.objects.filter(session=OuterRef("current_session")).order_by("-input_seq", "-created_at")
    looked_at = Conversation.objects.order_by("-updated_at", "-pk").annotate(run=Subquery(newest.values("pk")[:1]))
    places = list(looked_at.values("key", "title", "owner_id", "run")[:CONVERSATIONS_LOOKED_AT])
    cut = Run.objects.filter(pk__in=[row["run"] for row in places if row["run"]], state=RunState.INTERRUPTED)
    runs = {run.pk: run for run in cut.defer("partial")}
    found = [(row, runs[row["run"]]) for row in places if row["run"] in runs]
    turns = [
        {
            "sessionKey": row["key"],
            "title": row["title"],
            "sessionId": str(run.session_id),
            "runId": str(run.pk),
            "inputSeq": run.input_seq,
            "interruptedAt": wire_time(run.finished_at),
            "canContinue": run.answer_seq is not None,
            "mayRetry": standing.has("chat_own" if row["owner_id"] == actor.user_id else "manage"),
        }
        for row, run in found[:limit]
    ]
    return {"turns": turns, "more": max(len(found) - limit, 0)}


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
