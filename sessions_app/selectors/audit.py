"""Reading the audit log, and proving that nobody changed it."""

from __future__ import annotations

import datetime

from django.db.models import QuerySet

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import AuditEvent, AuditHead
from sessions_app.selectors.audit_chain import GENESIS_HASH, audit_hash
from sessions_app.selectors.keyset import numbered_page
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, Json


def audit_list(  # noqa: PLR0913 - the filters of the list
    actor: Actor,
    *,
    type: str = "",  # noqa: A002 - the protocol's word
    actor_label: str = "",
    trigger: str = "",
    outcome: str = "",
    session_key: str = "",
    after: datetime.datetime | None = None,
    before: datetime.datetime | None = None,
    limit: int = 50,
    cursor: str = "",
) -> Json:
    """Audit events, newest first. Two queries.

    Args:
        actor: who asks; needs `view_audit`.
        type, actor_label, trigger, outcome, session_key: only rows with exactly this; "" for all.
        after: only rows from this time on.
        before: only rows before this time.
        limit: rows on a page, at most PAGE_MAX_ROWS.
        cursor: `nextCursor` of the page before.

    Returns:
        {events: [audit_json], nextCursor}.
    """
    access.require(actor, Action.VIEW_AUDIT)
    rows: QuerySet[AuditEvent] = AuditEvent.objects.all()
    wanted = {
        "type": type,
        "actor_label": actor_label,
        "trigger": trigger,
        "outcome": outcome,
        "session_key": session_key,
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if after is not None:
        rows = rows.filter(created_at__gte=after)
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    page, following = numbered_page(rows, limit=limit, cursor=cursor)
    return {"events": [audit_json(row) for row in page], "nextCursor": following}


def audit_json(event: AuditEvent) -> Json:
    """One audit event: {id, type, outcome, actor, actorKind, actorId, trigger, sessionKey, oldSessionId, newSessionId, timestamp,
    reason, requestId, data, hash, prevHash}.
    """  # noqa: D205 - the shape is the summary
    return {
        "id": event.seq,
        "type": event.type,
        "outcome": event.outcome,
        "actor": event.actor_label,
        "actorKind": event.actor_kind,
        "actorId": event.actor_id,
        "trigger": event.trigger,
        "sessionKey": event.session_key,
        "oldSessionId": str(event.old_session_id) if event.old_session_id else None,
        "newSessionId": str(event.new_session_id) if event.new_session_id else None,
        "timestamp": wire_time(event.created_at),
        "reason": event.reason,
        "requestId": event.request_id,
        "data": event.data,
        "hash": event.hash,
        "prevHash": event.prev_hash,
    }


def audit_head(actor: Actor) -> Json:
    """How long the chain is and where it ends: {events, headHash}. Two queries."""
    access.require(actor, Action.VIEW_AUDIT)
    head = AuditHead.objects.get(pk=1)
    return {"events": head.last_seq, "headHash": head.hash}


def audit_verify(actor: Actor) -> Json:
    """Hash every row again and follow the chain to its head. One pass over the log, in constant memory.

    Returns:
        {ok, events, headHash, firstBroken?}; `firstBroken` is the id of the first row that is missing or does not fit.
    """
    access.require(actor, Action.VIEW_AUDIT)
    head = AuditHead.objects.get(pk=1)
    previous, count = GENESIS_HASH, 0
    for event in AuditEvent.objects.filter(seq__lte=head.last_seq).order_by("seq").iterator(chunk_size=2000):
        if event.seq != count + 1 or event.prev_hash != previous or event.hash != audit_hash(event):
            return {"ok": False, "events": head.last_seq, "headHash": head.hash, "firstBroken": count + 1}
        previous, count = event.hash, event.seq
    if count != head.last_seq or previous != head.hash:
        return {"ok": False, "events": head.last_seq, "headHash": head.hash, "firstBroken": count + 1}
    return {"ok": True, "events": count, "headHash": previous}
