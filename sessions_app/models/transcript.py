"""Entries and checkpoints. Entries are inserted once; triggers refuse gaps, updates and deletes on both engines."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from sessions_app.models._columns import one_of, uuid_key
from sessions_app.models.conversation import Conversation, Session
from sessions_app.values import CheckpointKind, EntryKind, Role, Trigger


class Entry(models.Model):
    """One item of a transcript, numbered by `seq` without gaps.

    `message_no` counts the messages of the lineage up to and including this entry, `digest` chains its content to the entry
    before it, so that a branch at any position knows both without reading what came before.
    """

    session = models.ForeignKey(Session, models.PROTECT, related_name="entries", db_index=False)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=12)
    role = models.CharField(max_length=10, default="", blank=True)
    text = models.TextField(default="", blank=True)
    data = models.JSONField(default=dict)
    run = models.ForeignKey("Run", models.PROTECT, null=True, related_name="entries", db_index=False)
    message_no = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "seq"], name="entry_seq_unique"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="entry_seq_from_one"),
            one_of("kind", EntryKind, name="entry_kind_known"),
            one_of("role", Role, name="entry_role_known", blank=True),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.session_id}/{self.seq}"


class Checkpoint(models.Model):
    """A bookmark (session, seq) with a label. Copies nothing."""

    id = uuid_key()
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="checkpoints", db_index=False)
    session = models.ForeignKey(Session, models.PROTECT, related_name="checkpoints")
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=10, default=CheckpointKind.MANUAL)
    label = models.CharField(max_length=200, default="", blank=True)
    actor = models.CharField(max_length=200)
    trigger = models.CharField(max_length=15)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["conversation", "-created_at", "-id"], name="checkpoint_of_conversation")]
        constraints = [
            models.CheckConstraint(condition=Q(seq__gte=1), name="checkpoint_seq_from_one"),
            one_of("kind", CheckpointKind, name="checkpoint_kind_known"),
            one_of("trigger", Trigger, name="checkpoint_trigger_known"),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return self.label or f"{self.session_id}/{self.seq}"
