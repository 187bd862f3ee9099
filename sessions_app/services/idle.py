"""Spans that nobody uses: closed when hooks.toml says after how long. The session stays current; its next turn opens another span."""

from __future__ import annotations

import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from sessions_app.models import Conversation, Run, Span
from sessions_app.services._spans import spans_close
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, OPEN_RUN_STATES, Answer, Call, EndReason

IDLE_BATCH_SPANS = 200


@verb(keeps_receipt=False)
def spans_idle_close(call: Call, *, instance_id: UUID, idle_seconds: float) -> Answer:
    """Close the spans of an instance in which nothing was said for so long.

    Args:
        call: the system's.
        instance_id: whose spans.
        idle_seconds: since the newest entry; a session with a turn that waits or runs is not idle.

    Returns:
        {spansClosed}: at most IDLE_BATCH_SPANS.

    Writes: Span closed, HookEvent +1 each; one transaction. Never the pointer.
    """
    del call
    edge = timezone.now() - datetime.timedelta(seconds=idle_seconds)
    quiet = Q(session__last_entry_at=None) | Q(session__last_entry_at__lt=edge)
    waiting = Run.objects.filter(session=OuterRef("session"), state__in=OPEN_RUN_STATES)
    idle = Span.objects.filter(quiet, ~Exists(waiting), instance=instance_id, closed_at=None, opened_at__lt=edge)
    found = dict(idle.values_list("pk", "session__conversation_id")[:IDLE_BATCH_SPANS])
    if not found:
        return {"spansClosed": 0}, NO_EFFECTS
    # a turn is claimed under the same lock, so what is idle now stays idle until the commit
    list(Conversation.objects.select_for_update().filter(pk__in=set(found.values())).order_by("pk").values_list("pk"))
    journal = Journal()
    closed = spans_close(journal, idle.filter(pk__in=found), reason=EndReason.IDLE)
    return {"spansClosed": closed}, journal.write()
