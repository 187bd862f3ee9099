"""Spans: one opens with the first turn after a start, a reset or a restore, and closes exactly once.

Both ends, and the `session_start` and `session_end` that tell of them, are written in the transaction of the change that caused them.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from sessions_app.models import Session, Span
from sessions_app.selectors.wire import wire_time
from sessions_app.services._sql import db_time, db_uuid
from sessions_app.services.journal import Journal
from sessions_app.values import EndReason, HookType, StartReason


def spans_open(journal: Journal, session_ids: Iterable[UUID], *, instance_id: UUID | None) -> None:
    """Open a span for each session that has none open. One query, three when one must be opened."""
    wanted = set(session_ids)
    missing = wanted - set(Span.objects.filter(session__in=wanted, closed_at=None).values_list("session_id", flat=True))
    if not missing:
        return
    newest = Span.objects.filter(session=OuterRef("pk")).order_by("-opened_at").values("close_reason")[:1]
    sessions = (
        Session.objects.filter(pk__in=missing).select_related("conversation").annotate(last_close=Subquery(newest))
    )
    spans = []
    for session in sessions:
        span = Span(session=session, instance_id=instance_id, opened_at=journal.now, open_seq=session.last_seq)
        span.open_reason = _open_reason(session.start_reason, session.last_close)
        spans.append(span)
        payload = {"reason": str(span.open_reason), "entries": session.last_seq, "serverInstance": _name(instance_id)}
        journal.hook(
            HookType.SESSION_START,
            session_id=session.pk,
            session_key=session.conversation.key,
            payload=payload,
            span_id=span.pk,
        )
    Span.objects.bulk_create(spans)


def spans_close(
    journal: Journal,
    spans: QuerySet[Span],
    *,
    reason: EndReason,
    next_session_id: UUID | None = None,
    inferred: bool = False,
) -> int:
    """Close open spans, each with its one `session_end`. Two queries, and one write for each span.

    Args:
        journal: of this transaction.
        spans: which; closed ones among them are left alone.
        reason: why.
        next_session_id: the session that becomes current in its place, if one does.
        inferred: nobody saw the end; it was found out afterwards.

    Returns:
        How many were closed.
    """
    closed = 0
    cursor = connection.cursor()
    for span in spans.filter(closed_at=None).select_related("session__conversation").order_by("opened_at", "pk"):
        session = span.session
        cursor.execute(_CLOSE, [db_time(journal.now), str(reason), journal.last_seq_of(session), db_uuid(span.pk)])
        if not cursor.rowcount:
            continue
        closed += 1
        journal.hook(
            HookType.SESSION_END,
            session_id=session.pk,
            session_key=session.conversation.key,
            span_id=span.pk,
            payload={
                "reason": str(reason),
                "nextSessionId": str(next_session_id) if next_session_id else None,
                "entries": journal.last_seq_of(session),
                "startedAt": wire_time(span.opened_at),
                "durationMs": max(0, round((journal.now - span.opened_at).total_seconds() * 1000)),
                "serverInstance": _name(span.instance_id),
                "inferred": inferred,
            },
        )
    return closed


def _open_reason(start_reason: str, last_close: str | None) -> StartReason:
    if last_close is None:
        return StartReason(start_reason)
    came_back = EndReason(last_close) in {EndReason.RESET, EndReason.RESTORE}
    return StartReason.RESTORE if came_back else StartReason.RESUME


def _name(instance_id: UUID | None) -> str | None:
    return str(instance_id) if instance_id else None


# a crash leaves many open: by the ORM one costs ten times as much
_CLOSE = (
    "UPDATE sessions_app_span SET closed_at = %s, close_reason = %s, close_seq = %s WHERE id = %s AND closed_at IS NULL"
)
