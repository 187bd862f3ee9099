"""Deliveries of lifecycle hooks: for people, and in order for whoever delivers them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Count, Min, Q
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import HookCursor, HookDelivery, HookEvent
from sessions_app.selectors.keyset import numbered_page
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, DeliveryState, Json


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose turn it is: nothing of its session waits before it."""

    delivery_id: int
    session_id: UUID
    attempts: int
    event_id: UUID
    type: str
    payload: Json


def hook_delivery_list(
    actor: Actor, *, state: str = "", subscriber: str = "", limit: int = 50, cursor: str = ""
) -> Json:
    """Deliveries, newest first. Two queries, three for a token.

    Args:
        actor: who asks; needs `view_any`.
        state: pending, delivered or dead; "" for all.
        subscriber: only of this one; "" for all.
        limit: rows on a page, at most PAGE_MAX_ROWS.
        cursor: `nextCursor` of the page before.

    Returns:
        {deliveries: [{deliveryId, eventId, type, sessionKey, sessionId, subscriber, state, attempts, nextAt, lastError,
        createdAt, deliveredAt}], nextCursor}; `nextAt` is None unless it is pending.

    Raises:
        InvalidParamsError: no such state, or not a cursor of ours.
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    access.require(actor, Action.VIEW)
    rows = HookDelivery.objects.select_related("event")
    if state:
        if state not in set(DeliveryState):
            raise InvalidParamsError(f"state is one of {', '.join(DeliveryState)}.", field="state")
        rows = rows.filter(state=state)
    if subscriber:
        rows = rows.filter(subscriber=subscriber)
    page, following = numbered_page(rows, limit=limit, cursor=cursor)
    return {"deliveries": [_delivery(row) for row in page], "nextCursor": following}


def hook_status(actor: Actor) -> Json:
    """How far each subscriber is. Three queries, four for a token.

    Returns:
        {subscribers: [{subscriber, pending, retrying, dead, oldestPendingAt}]} by name; `retrying` of the pending ones have failed
        at least once. Every subscriber that ever had a delivery or a cursor is listed, also when hooks.toml does not name it now.

    Raises:
        ForbiddenError, UnauthenticatedError: as `access.require`; needs `view_any`.
    """
    access.require(actor, Action.VIEW)
    return {
        "subscribers": [
            {
                "subscriber": row["subscriber"],
                "pending": row["pending"],
                "retrying": row["retrying"],
                "dead": row["dead"],
                "oldestPendingAt": wire_time(row["oldest"]),
            }
            for row in hook_backlog()
        ]
    }


def hook_backlog() -> list[Json]:
    """How far each subscriber is, by name; asks no permission: for counters. Two queries.

    Returns:
        [{subscriber, pending, retrying, dead, oldest}]; `oldest` is when the oldest pending event happened, or None.
    """
    open_rows = HookDelivery.objects.filter(state__in=[DeliveryState.PENDING, DeliveryState.DEAD])
    pending = Q(state=DeliveryState.PENDING)
    counted = open_rows.values("subscriber").annotate(
        pending=Count("pk", filter=pending),
        retrying=Count("pk", filter=pending & Q(attempts__gt=0)),
        dead=Count("pk", filter=Q(state=DeliveryState.DEAD)),
        oldest=Min("event__created_at", filter=pending),
    )
    nothing: Json = {"pending": 0, "retrying": 0, "dead": 0, "oldest": None}
    found = dict.fromkeys(HookCursor.objects.values_list("pk", flat=True), nothing)
    found |= {row["subscriber"]: dict(row) for row in counted}
    return [{**row, "subscriber": name} for name, row in sorted(found.items())]


def deliveries_due(subscriber: str, *, limit: int) -> list[Due]:
    """What a subscriber can be sent now, oldest first: of each session the first pending one, if its time has come. Two queries."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    return _due(_HEADS, [subscriber, now, limit])


def delivery_next(subscriber: str, session_id: UUID) -> Due | None:
    """The first pending delivery of one session, if its time has come. Two queries."""
    now = timezone.now()
    session = session_id if connection.features.has_native_uuid_field else session_id.hex
    rows = _due(_NEXT, [subscriber, session], not_after=now.timestamp())
    return rows[0] if rows else None


def _due(sql: str, params: list[object], *, not_after: float | None = None) -> list[Due]:
    rows = [
        row
        for row in HookDelivery.objects.raw(sql, params)
        if not_after is None or row.next_at.timestamp() <= not_after
    ]
    events = HookEvent.objects.in_bulk([row.event_id for row in rows])
    pairs = [(row, events[row.event_id]) for row in rows]
    return [Due(row.pk, row.session_id, row.attempts, e.event_id, e.type, e.payload) for row, e in pairs]


def _delivery(row: HookDelivery) -> Json:
    event = row.event
    return {
        "deliveryId": row.pk,
        "eventId": str(event.event_id),
        "type": event.type,
        "sessionKey": event.session_key,
        "sessionId": str(event.session_id),
        "subscriber": row.subscriber,
        "state": row.state,
        "attempts": row.attempts,
        "nextAt": wire_time(row.next_at) if row.state == DeliveryState.PENDING else None,
        "lastError": row.last_error,
        "createdAt": wire_time(event.created_at),
        "deliveredAt": wire_time(row.delivered_at),
    }


# the state stands as a literal: with a parameter SQLite cannot see that the partial index covers it
_HEADS = """
    SELECT d.* FROM sessions_app_hookdelivery d WHERE d.state = 'pending' AND d.subscriber = %s AND d.next_at <= %s
    AND NOT EXISTS (SELECT 1 FROM sessions_app_hookdelivery o WHERE o.state = 'pending' AND o.subscriber = d.subscriber
        AND o.session_id = d.session_id AND o.event_id < d.event_id)
    ORDER BY d.event_id LIMIT %s
"""
_NEXT = """
    SELECT d.* FROM sessions_app_hookdelivery d WHERE d.state = 'pending' AND d.subscriber = %s AND d.session_id = %s
    ORDER BY d.event_id LIMIT 1
"""
