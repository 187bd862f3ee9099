"""What clients replay, and what makes a repeated call safe."""

from __future__ import annotations

from django.db import models

from sessions_app.models.conversation import Conversation


class Event(models.Model):
    """One numbered item of a conversation's event log. Holds references; text is joined when it is read."""

    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="events", db_index=False)
    number = models.BigIntegerField()
    type = models.CharField(max_length=30)
    payload = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["conversation", "number"], name="event_number_unique")]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.type} {self.number}"


class Receipt(models.Model):
    """The stored answer of a successful mutating call, by (actor, request id)."""

    actor = models.CharField(max_length=80)
    request_id = models.CharField(max_length=128)
    verb = models.CharField(max_length=60)
    digest = models.CharField(max_length=64)
    answer = models.JSONField()
    created_at = models.DateTimeField()

    class Meta:
        # request_id first: SQLite scans for a row-value IN, so lookups go by request_id and filter the actor.
        constraints = [models.UniqueConstraint(fields=["request_id", "actor"], name="receipt_request_unique")]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.verb} {self.request_id}"
