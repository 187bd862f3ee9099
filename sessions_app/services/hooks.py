"""Deliveries of lifecycle hooks: made from the outbox, settled after each attempt, sent again when a person asks.

The outbox row is written by the change itself (`journal.hook`); here begins what may be late, repeated or given up.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError, NotFoundError
from sessions_app.models import HookCursor, HookDelivery, HookEvent
from sessions_app.services.audit import audit_record
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, AuditType, Call, DeliveryState, Effects

PLAN_MAX_EVENTS = 200  # of one subscriber in one transaction: the writer serves people first
ERROR_MAX_CHARS = 500
# on PostgreSQL transactions may commit in another order than they took their numbers; this waits for those under way
_ALL_COMMITTED = "LOCK TABLE sessions_app_hookevent IN SHARE MODE"


@verb(keeps_receipt=False)
def deliveries_plan(call: Call, *, subscribers: Mapping[str, Sequence[str]]) -> Answer:
    """Make the deliveries of what happened since each subscriber's cursor. A subscriber that is new begins at the head.

    Args:
        call: the system's.
        subscribers: the types of event each one wants, by name.

    Returns:
        {planned, more}: how many deliveries were made, and whether events are left for another call.

    Writes: HookDelivery +1 for each event and subscriber that wants it, HookCursor; one transaction.
    """
    del call
    head = _head()
    known = dict(HookCursor.objects.filter(pk__in=subscribers).values_list("pk", "number"))
    if all(known.get(name, -1) >= head for name in subscribers):
        return {"planned": 0, "more": False}, NO_EFFECTS
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_ALL_COMMITTED)
        head = _head()
    planned, more = 0, False
    for name, types in subscribers.items():
        made, has_more = _plan_one(name, types, head)
        planned, more = planned + made, more or has_more
    return {"planned": planned, "more": more}, NO_EFFECTS


@verb(keeps_receipt=False)
def delivery_settle(
    call: Call,
    *,
    delivery_id: int,
    attempt: int,
    state: DeliveryState,
    error: str = "",
    next_at: datetime.datetime | None = None,
) -> Answer:
    """Record how an attempt ended.

    Args:
        call: the system's.
        delivery_id: which delivery.
        attempt: its number, from 1; if another attempt was recorded meanwhile, nothing changes.
        state: delivered; dead; or pending, when it failed and is tried again.
        error: what went wrong, in words.
        next_at: when it is tried again.

    Returns:
        {settled}: whether this attempt was the one that counted.
    """
    del call
    now = timezone.now()
    rows = HookDelivery.objects.filter(pk=delivery_id, state=DeliveryState.PENDING, attempts=attempt - 1)
    changed = rows.update(
        state=state,
        attempts=attempt,
        last_error=error.replace("\x00", "").encode("utf-8", "replace").decode()[:ERROR_MAX_CHARS],
        next_at=next_at or now,
        delivered_at=now if state is DeliveryState.DELIVERED else None,
    )
    return {"settled": bool(changed)}, NO_EFFECTS


@verb(audit=AuditType.HOOK_REDELIVERED)
def hook_redeliver(call: Call, *, delivery_id: int | None = None, dead: bool = False, subscriber: str = "") -> Answer:
    """Send a delivery again, with the same event id and all its attempts before it; or every dead one.

    Args:
        call: somebody who manages the server.
        delivery_id: one delivery, whatever became of it; one that is still pending is tried at once.
        dead: every dead one instead.
        subscriber: with `dead`: of this subscriber only; "" for all.

    Returns:
        {redelivered}: how many are on their way again.

    Raises:
        InvalidParamsError: neither a delivery nor `dead`, or both.
        NotFoundError: there is no such delivery.
        ForbiddenError, UnauthenticatedError: as `access.require`.

    Writes: HookDelivery back to pending, AuditEvent +1 unless there was nothing to send; one transaction.
    Source: docs/protocol.md `hooks.redeliver`.
    """
    access.require(call.actor, Action.MANAGE)
    if (delivery_id is None) is not dead:
        raise InvalidParamsError("Name one delivery, or all dead ones.", field="deliveryId")
    fresh = {"state": DeliveryState.PENDING, "attempts": 0, "next_at": timezone.now(), "delivered_at": None}
    if delivery_id is None:
        rows = HookDelivery.objects.filter(state=DeliveryState.DEAD)
        count = (rows.filter(subscriber=subscriber) if subscriber else rows).update(**fresh)
        if count:
            audit_record(call, AuditType.HOOK_REDELIVERED, data={"dead": count, "subscriber": subscriber})
        return {"redelivered": count}, Effects(wake_hooks=bool(count))
    row = HookDelivery.objects.select_for_update(of=("self",)).select_related("event").filter(pk=delivery_id).first()
    if row is None:
        raise NotFoundError(f"There is no delivery {delivery_id}.", deliveryId=delivery_id)
    HookDelivery.objects.filter(pk=row.pk).update(**fresh)
    event = row.event
    about = {"deliveryId": row.pk, "subscriber": row.subscriber, "eventId": str(event.event_id), "was": row.state}
    audit_record(
        call, AuditType.HOOK_REDELIVERED, session_key=event.session_key, old_session_id=event.session_id, data=about
    )
    return {"redelivered": 1}, Effects(wake_hooks=True)


def _head() -> int:
    return HookEvent.objects.aggregate(head=Max("number"))["head"] or 0


def _plan_one(name: str, types: Sequence[str], head: int) -> tuple[int, bool]:
    """Deliveries of one subscriber; how many, and whether events are left."""
    cursor, is_new = HookCursor.objects.select_for_update().get_or_create(pk=name, defaults={"number": head})
    if is_new or cursor.number >= head:
        return 0, False
    window = HookEvent.objects.filter(number__gt=cursor.number, number__lte=head).order_by("number")
    events = list(window.values_list("number", "type", "session_id")[:PLAN_MAX_EVENTS])
    now = timezone.now()
    made = [
        HookDelivery(event_id=number, subscriber=name, session_id=session_id, next_at=now)
        for number, kind, session_id in events
        if kind in types
    ]
    HookDelivery.objects.bulk_create(made)
    upto = events[-1][0]
    HookCursor.objects.filter(pk=name).update(number=upto)
    return len(made), upto < head
