"""The outbox of lifecycle hooks, and what became of each delivery.

A hook event is written in the transaction of the change it tells of. Deliveries are made from it afterwards, one for each subscriber
that hooks.toml names; a subscriber that is new begins at the head.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from sessions_app.models._columns import one_of
from sessions_app.models.conversation import Session
from sessions_app.models.run import Span
from sessions_app.values import DeliveryState, HookType


class HookEvent(models.Model):
    """One thing that happened to a session. `event_id` is what subscribers see, and stays the same however often it is delivered."""

    number = models.BigAutoField(primary_key=True)
    event_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=20)
    session = models.ForeignKey(Session, models.PROTECT, related_name="hook_events", db_index=False)
    session_key = models.CharField(max_length=200)
    span = models.ForeignKey(Span, models.PROTECT, null=True, related_name="hook_events", db_index=False)
    payload = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            one_of("type", HookType, name="hook_event_type_known"),
            # exactly one start and one end for each span
            models.UniqueConstraint(
                fields=["span", "type"], condition=Q(span__isnull=False), name="hook_event_once_a_span"
            ),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class HookCursor(models.Model):
    """Up to which hook event a subscriber has its deliveries."""

    subscriber = models.CharField(max_length=100, primary_key=True)
    number = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.subscriber} at {self.number}"


class HookDelivery(models.Model):
    """One hook event on its way to one subscriber."""

    event = models.ForeignKey(HookEvent, models.PROTECT, related_name="deliveries", db_index=False)
    subscriber = models.CharField(max_length=100)
    session = models.ForeignKey(Session, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, default=DeliveryState.PENDING)
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField()
    last_error = models.TextField(default="", blank=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["subscriber", "session", "event"], condition=Q(state="pending"), name="hook_delivery_pending"
            ),
            models.Index(fields=["state", "-id"], name="hook_delivery_by_state"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["event", "subscriber"], name="hook_delivery_once"),
            one_of("state", DeliveryState, name="hook_delivery_state_known"),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.event_id} to {self.subscriber}: {self.state}"
