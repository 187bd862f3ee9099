"""Repairs of single rows, of indexes and of the guards of history."""

from __future__ import annotations

from importlib import import_module
from uuid import UUID

from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from sessions_app.models import Conversation, Entry, HookDelivery, Run, Session, Span
from sessions_app.models.audit import AuditEvent
from sessions_app.services._run_end import RunEnds
from sessions_app.services._spans import spans_close
from sessions_app.services.instances import runs_interrupt
from sessions_app.services.journal import Journal
from sessions_app.values import NO_EFFECTS, Call, DeliveryState, Effects, EndReason, Json, RunState

IMMUTABLE = {Entry._meta.db_table, AuditEvent._meta.db_table}


def guards(_call: Call, repair: Json) -> Effects | None:
    """Set up the triggers again that keep history what it was."""
    rules = import_module("sessions_app.migrations.0002_immutable_rows")  # its name is no identifier
    trigger = rules.postgres_trigger if connection.vendor == "postgresql" else rules.sqlite_trigger
    with connection.cursor() as cursor:
        for rule in rules.RULES:
            if rule[0] in repair["names"]:
                cursor.execute(trigger(*rule))
    return NO_EFFECTS


def reindex(_call: Call, _repair: Json) -> Effects | None:
    """Build all indexes again from their tables."""
    with connection.cursor() as cursor:
        cursor.execute("REINDEX")
    return NO_EFFECTS


def value(_call: Call, repair: Json) -> Effects | None:
    """Put something readable into one column of one row of SQLite: the first of `values` that the table's rules let in.

    Raises:
        ValueError: that table is not ours, or is never changed.
    """
    table, column = repair["table"], repair["column"]
    columns = {
        (model._meta.db_table, field.column) for model in apps.get_models() for field in model._meta.concrete_fields
    }
    if table in IMMUTABLE or (table, column) not in columns:
        raise ValueError(f"{table}.{column} is not mended")
    *others, last = repair["values"]
    for choice in others:
        try:
            with transaction.atomic():
                return _set(table, column, choice, repair["row"])
        except IntegrityError:
            continue
    return _set(table, column, last, repair["row"])


def _set(table: str, column: str, wanted: str | None, rowid: int) -> Effects | None:
    with connection.cursor() as cursor:
        cursor.execute(f'UPDATE "{table}" SET "{column}" = %s WHERE rowid = %s', [wanted, rowid])  # noqa: S608 - checked names
        return NO_EFFECTS if cursor.rowcount else None


def withdraw(_call: Call, repair: Json) -> Effects | None:
    """Withdraw a message that waits where nobody answers."""
    run = Run.objects.select_related("session").filter(pk=repair["runId"], state=RunState.QUEUED).first()
    if run is None:
        return None
    conversation = Conversation.objects.select_for_update().get(pk=run.session.conversation_id)
    journal = Journal()
    ends = RunEnds(journal)
    ends.withdraw(journal.head_of(conversation), run)
    ends.write()
    return journal.write()


def interrupt(call: Call, repair: Json) -> Effects | None:
    """End an answer that nobody writes any more, with what it had.

    In a session that is set aside, or whose own numbers are wrong, no entry can be added: there only the run's row ends, and
    keeps its text.
    """
    run = Run.objects.select_related("session").filter(pk=repair["runId"], state=RunState.RUNNING).first()
    if run is None:
        return None
    if _takes_entries(run.session):
        _answer, effects = runs_interrupt(call, run_ids=[run.pk])
        return effects
    Run.objects.filter(pk=run.pk, state=RunState.RUNNING).update(state=RunState.INTERRUPTED, finished_at=timezone.now())
    return Effects(stop_runs=frozenset({run.pk}))


def _takes_entries(session: Session) -> bool:
    newest = Entry.objects.filter(session=session).order_by("-seq").values_list("seq", flat=True).first()
    return session.damaged_from is None and session.last_seq == (newest or session.parent_seq)


def close_span(_call: Call, repair: Json) -> Effects | None:
    """Close a span that no server has open."""
    journal = Journal()
    spans = Span.objects.filter(pk=UUID(repair["spanId"]))
    closed = spans_close(journal, spans, reason=EndReason.CRASH, inferred=True)
    return journal.write() if closed else None


def redeliver(_call: Call, repair: Json) -> Effects | None:
    """Have what could not be delivered to a subscriber tried again."""
    dead = HookDelivery.objects.filter(subscriber=repair["subscriber"], state=DeliveryState.DEAD)
    changed = dead.update(state=DeliveryState.PENDING, attempts=0, next_at=timezone.now())
    return Effects(wake_hooks=True) if changed else None
