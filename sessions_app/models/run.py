"""Execution: runs of turns, the spans in which a session is open, and the server instances that own both."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from sessions_app.models._columns import one_of, uuid_key
from sessions_app.models.conversation import Session
from sessions_app.values import EndReason, RunState, StartReason


class ServerInstance(models.Model):
    """One life of one serving process. `heartbeat_at` says when it was last seen alive."""

    id = uuid_key()
    host = models.CharField(max_length=200)
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.id)


class Run(models.Model):
    """One execution attempt of a turn, and the receipt of the `chat.send` that asked for it.

    `request_id` is the idempotency key; with the same actor and another `request_digest` it is a conflict.
    A run that `continues` goes on where the attempt it retries was cut off; any other answers anew.
    `partial` holds a streaming answer until it becomes one entry (`answer_seq`).
    """

    id = uuid_key()
    session = models.ForeignKey(Session, models.PROTECT, related_name="runs", db_index=False)
    input_seq = models.BigIntegerField()
    answer_seq = models.BigIntegerField(null=True)
    retry_of = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", db_index=False)
    continues = models.BooleanField(default=False)
    state = models.CharField(max_length=12, default=RunState.QUEUED)
    actor = models.CharField(max_length=80)
    actor_label = models.CharField(max_length=200)
    request_id = models.CharField(max_length=128)
    request_digest = models.CharField(max_length=64)
    partial = models.TextField(default="", blank=True)
    error = models.JSONField(null=True)
    instance = models.ForeignKey(ServerInstance, models.PROTECT, null=True, related_name="+", db_index=False)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # with the state inside: SQLite would rather walk run_of_turn, through all runs of a long session
            models.Index(
                fields=["session", "state", "input_seq"],
                condition=Q(state__in=["queued", "running"]),
                name="run_open",
            ),
            models.Index(fields=["session", "input_seq"], name="run_of_turn"),
            models.Index(fields=["-finished_at", "-id"], condition=Q(state="interrupted"), name="run_interrupted"),
        ]
        constraints = [
            one_of("state", RunState, name="run_state_known"),
            models.UniqueConstraint(fields=["request_id", "actor"], name="run_request_unique"),
            models.UniqueConstraint(fields=["session"], condition=Q(state="running"), name="run_one_running"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | (~Q(state__in=["queued", "running"]) & Q(finished_at__isnull=False)),
                name="run_finished_whole",
            ),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class Span(models.Model):
    """One stretch in which a session is open on a running server; at most one is open per session."""

    id = uuid_key()
    session = models.ForeignKey(Session, models.PROTECT, related_name="spans", db_index=False)
    instance = models.ForeignKey(ServerInstance, models.PROTECT, null=True, related_name="+", db_index=False)
    opened_at = models.DateTimeField()
    open_reason = models.CharField(max_length=10)
    open_seq = models.BigIntegerField()
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=10, default="", blank=True)
    close_seq = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["session", "-opened_at"], name="span_of_session")]
        constraints = [
            models.UniqueConstraint(fields=["session"], condition=Q(closed_at__isnull=True), name="span_one_open"),
            one_of("open_reason", StartReason, name="span_open_reason_known"),
            one_of("close_reason", EndReason, name="span_close_reason_known", blank=True),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, close_reason="")
                | (Q(closed_at__isnull=False) & ~Q(close_reason="")),
                name="span_close_whole",
            ),
        ]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.session_id} from {self.opened_at}"
