"""The audit log: immutable, hash-chained rows and the head of their chain.

Names and ids are copied, no key points away: an audit row outlives whatever it speaks of. Guards here refuse `save` of a stored
row, `update` and `delete`; triggers in the database refuse whoever comes past them.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from sessions_app.models._columns import one_of
from sessions_app.values import ActorKind, AuditType, Outcome, Trigger


class AuditRowsAreImmutable(TypeError):  # noqa: N818 - reads as the sentence it is
    """Somebody tried to change or delete an audit row."""


class AuditQuerySet(models.QuerySet["AuditEvent"]):
    """A queryset that can insert and read, nothing else."""

    def update(self, **_kwargs: Any) -> NoReturn:
        """Refuse."""
        raise AuditRowsAreImmutable

    def delete(self) -> NoReturn:
        """Refuse."""
        raise AuditRowsAreImmutable


class AuditHead(models.Model):
    """The newest link of the chain: one row, locked by whoever appends."""

    last_seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="audit_head_is_one_row")]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.last_seq} {self.hash[:8]}"


class AuditEvent(models.Model):
    """Who did what, to which session, by which way, why, and how it ended."""

    seq = models.BigIntegerField(primary_key=True)
    type = models.CharField(max_length=30)
    outcome = models.CharField(max_length=10)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=200)
    trigger = models.CharField(max_length=15)
    session_key = models.CharField(max_length=200, default="", blank=True)
    old_session_id = models.UUIDField(null=True)
    new_session_id = models.UUIDField(null=True)
    reason = models.TextField(default="", blank=True)
    request_id = models.CharField(max_length=128, default="", blank=True)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    prev_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["type", "-seq"], name="audit_by_type"),
            models.Index(fields=["actor_label", "-seq"], name="audit_by_actor"),
            models.Index(fields=["session_key", "-seq"], name="audit_by_key"),
        ]
        constraints = [
            one_of("type", AuditType, name="audit_type_known"),
            one_of("outcome", Outcome, name="audit_outcome_known"),
            one_of("trigger", Trigger, name="audit_trigger_known"),
            one_of("actor_kind", ActorKind, name="audit_actor_kind_known"),
            models.CheckConstraint(condition=models.Q(seq__gte=1), name="audit_seq_from_one"),
            models.CheckConstraint(condition=~models.Q(actor_label=""), name="audit_actor_named"),
        ]
        default_permissions = ("view",)
        verbose_name = "audit event"

    def __str__(self) -> str:
        return f"{self.seq} {self.type} {self.outcome}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; a row that is stored already is refused."""
        if not self._state.adding:
            raise AuditRowsAreImmutable
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse."""
        raise AuditRowsAreImmutable
