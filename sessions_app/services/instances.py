"""Lives of serving processes: begun, kept alive, ended, and tidied up after when they ended without a word.

Recovery touches only what belongs to an instance that is gone: runs left running become interrupted with what they had, spans left
open are closed. Its cost depends on what was open, never on what is stored.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from sessions_app.models import Conversation, Run, ServerInstance, Session, Span
from sessions_app.services._run_end import RunEnds, RunPlace
from sessions_app.services._spans import spans_close
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, Call, Effects, EndReason, RunState

RECOVERY_BATCH_RUNS = 200


@verb(keeps_receipt=False)
def instance_start(call: Call, *, instance_id: UUID, host: str, pid: int) -> Answer:
    """Record that a serving process begins."""
    del call
    now = timezone.now()
    ServerInstance.objects.create(pk=instance_id, host=host[:200], pid=pid, started_at=now, heartbeat_at=now)
    return {"instanceId": str(instance_id)}, NO_EFFECTS


@verb(keeps_receipt=False)
def instance_beat(call: Call, *, instance_id: UUID) -> Answer:
    """Record that a serving process is alive."""
    del call
    return {"alive": ServerInstance.objects.filter(pk=instance_id).update(heartbeat_at=timezone.now())}, NO_EFFECTS


@verb(keeps_receipt=False)
def instance_stop(call: Call, *, instance_id: UUID, reason: EndReason) -> Answer:
    """Record that a serving process ends, and close the spans it has open. Its runs were ended or interrupted before."""
    del call
    journal = Journal()
    closed = spans_close(journal, Span.objects.filter(instance=instance_id), reason=reason)
    ServerInstance.objects.filter(pk=instance_id).update(stopped_at=journal.now)
    return {"spansClosed": closed}, journal.write()


@verb(keeps_receipt=False, stops_runs=True)
def runs_interrupt(call: Call, *, run_ids: Sequence[UUID]) -> Answer:
    """End running runs as interrupted, each with the text it had; for a stop that cannot wait and for recovery.

    Args:
        call: the system's.
        run_ids: at most a few hundred; those that do not run any more are left alone.

    Returns:
        {interrupted}: how many.
    """
    del call
    owners = set(Run.objects.filter(pk__in=run_ids).values_list("session__conversation_id", flat=True))
    locked = {row.pk: row for row in Conversation.objects.select_for_update().filter(pk__in=owners).order_by("pk")}
    # read under the lock: on PostgreSQL one of them may have ended while the lock was waited for
    runs = list(
        Run.objects.filter(pk__in=run_ids, state=RunState.RUNNING).select_related("session").order_by("created_at")
    )
    sessions = {row.pk: row for row in Session.objects.filter(pk__in={run.session_id for run in runs})}
    journal = Journal()
    ends = RunEnds(journal)
    for run in runs:
        head = journal.head_of(locked[run.session.conversation_id])
        place = RunPlace(head, journal.tip_of(sessions[run.session_id]), run.pk, run.input_seq)
        ends.add(place, RunState.INTERRUPTED, text=run.partial)
    ends.write()
    stopped = frozenset(run.pk for run in runs)
    return {"interrupted": len(runs)}, journal.write() | Effects(stop_runs=stopped)


@verb(keeps_receipt=False)
def spans_recover(call: Call, *, instance_id: UUID, alive_since: datetime.datetime) -> Answer:
    """Close, as crashed, the spans that instances left open which are gone.

    Args:
        call: the system's.
        instance_id: the instance that asks; its own spans are left alone.
        alive_since: others are alive when their heart beat after this.

    Returns:
        {spansClosed}.
    """
    del call
    gone = _gone(instance_id, alive_since)
    journal = Journal()
    closed = spans_close(journal, Span.objects.filter(gone), reason=EndReason.CRASH, inferred=True)
    return {"spansClosed": closed}, journal.write()


def runs_left_running(instance_id: UUID, alive_since: datetime.datetime) -> list[UUID]:
    """Runs that say they run, but whose instance is gone. One query."""
    gone = _gone(instance_id, alive_since)
    return list(Run.objects.filter(gone, state=RunState.RUNNING).values_list("pk", flat=True))


def _gone(instance_id: UUID, alive_since: datetime.datetime) -> Q:
    dead = Q(instance__stopped_at__isnull=False) | Q(instance__heartbeat_at__lt=alive_since)
    return ~Q(instance=instance_id) & (Q(instance=None) | dead)
