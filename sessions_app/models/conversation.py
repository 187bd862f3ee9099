"""A conversation is what a session key names; a session is one append-only transcript of it.

`Conversation.current_session` is the pointer of law 2: only `services/_pointer.py` writes it.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from sessions_app.models._columns import one_of, uuid_key
from sessions_app.values import ConversationKind, EndReason, StartReason, Trigger


class Conversation(models.Model):
    """A chat slot with a stable name and exactly one current session.

    `last_event` numbers its client events; `session_count` and `checkpoint_count` spare lists a COUNT.
    """

    id = uuid_key()
    key = models.CharField(max_length=200, unique=True)
    title = models.CharField(max_length=200, default="", blank=True)
    kind = models.CharField(max_length=10, default=ConversationKind.CHAT)
    agent = models.CharField(max_length=100, default="main")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="conversations", db_index=False)
    current_session = models.OneToOneField("Session", models.PROTECT, null=True, related_name="+")
    pinned = models.BooleanField(default=False)
    locked = models.BooleanField(default=False)
    last_event = models.BigIntegerField(default=0)
    session_count = models.IntegerField(default=0)
    checkpoint_count = models.IntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["-updated_at", "-id"], name="conversation_recent"),
            models.Index(fields=["owner", "-updated_at", "-id"], name="conversation_owner_recent"),
        ]
        constraints = [one_of("kind", ConversationKind, name="conversation_kind_known")]
        default_permissions = ()
        permissions = [
            ("chat_own", "Chat in own conversations, reset and restore them"),
            ("view_any", "See everybody's sessions"),
            ("reset_any", "Reset everybody's sessions"),
            ("restore_any", "Restore everybody's sessions"),
            ("view_audit", "Read the audit log"),
            ("export", "Export sessions and the audit log"),
            ("purge", "Delete history for good"),
            ("manage", "Manage people and the server"),
        ]

    def __str__(self) -> str:
        return self.key


class Session(models.Model):
    """One append-only transcript. Current, or archived (`ended_at` is set).

    A branch has a parent: entries 1 to `parent_seq` are read from there, its own start at `parent_seq + 1`.
    `last_seq`, `messages` and `digest` describe its newest entry; `digest` is a hash chain over all entries of the lineage.
    A quarantined session names its `damage`, and reads up to the entry before `damaged_from`.
    `archived_seq` and `archived_digest` are what they were when it was last archived.
    """

    id = uuid_key()
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="sessions", db_index=False)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="branches")
    parent_seq = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, default="")
    started_at = models.DateTimeField()
    start_reason = models.CharField(max_length=10, default=StartReason.NEW)
    start_actor = models.CharField(max_length=200, default="")
    start_trigger = models.CharField(max_length=15, default=Trigger.RPC)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=10, default="", blank=True)
    end_actor = models.CharField(max_length=200, default="", blank=True)
    end_trigger = models.CharField(max_length=15, default="", blank=True)
    archived_seq = models.BigIntegerField(null=True)
    archived_digest = models.CharField(max_length=64, default="", blank=True)
    last_entry_at = models.DateTimeField(null=True)
    damaged_from = models.BigIntegerField(null=True)
    damage = models.CharField(max_length=300, default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["conversation", "-started_at", "-id"], name="session_of_conversation"),
            models.Index(fields=["-ended_at", "-id"], condition=Q(ended_at__isnull=False), name="session_archived"),
        ]
        constraints = [
            one_of("start_reason", StartReason, name="session_start_reason_known"),
            one_of("end_reason", EndReason, name="session_end_reason_known", blank=True),
            one_of("start_trigger", Trigger, name="session_start_trigger_known"),
            one_of("end_trigger", Trigger, name="session_end_trigger_known", blank=True),
            models.CheckConstraint(
                condition=Q(parent__isnull=True, parent_seq=0) | Q(parent__isnull=False, parent_seq__gte=1),
                name="session_lineage_whole",
            ),
            models.CheckConstraint(condition=Q(last_seq__gte=F("parent_seq")), name="session_last_seq_after_parent"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, end_reason="")
                | (Q(ended_at__isnull=False) & ~Q(end_reason="") & ~Q(end_trigger="")),
                name="session_end_whole",
            ),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)
