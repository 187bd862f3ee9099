"""What is stored, read past the product's own reading code, so that a test does not ask a verb about itself."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sessions_app.models import AuditEvent, AuditHead, Conversation, Entry, Event, Receipt, Session
from sessions_app.selectors.audit import audit_json
from sessions_app.selectors.entry_rows import raw_uuid
from sessions_app.services.journal import Journal, NewEntry
from sessions_app.values import EntryKind, Json, Role

LEFT_BY_REFUSALS = (AuditEvent, AuditHead)


def everything() -> dict[str, list[Json]]:
    """Every row of every table of ours, but the audit log: what a refused verb must leave as it was."""
    models = [model for model in apps.get_app_config("sessions_app").get_models() if model not in LEFT_BY_REFUSALS]
    return {model.__name__: list(model._default_manager.order_by("pk").values()) for model in models}


def history_rows() -> dict[str, list[Json]]:
    """As `everything`, without receipts: what a repeated verb must leave as it was."""
    rows = everything()
    del rows[Receipt.__name__]
    return rows


def counts() -> dict[str, int]:
    """How many rows each table holds."""
    models = apps.get_app_config("sessions_app").get_models()
    return {model.__name__: model._base_manager.count() for model in models}


def added(before: dict[str, int]) -> dict[str, int]:
    """How many rows each table has more than before; tables without a change are left out."""
    return {name: count - before[name] for name, count in counts().items() if count != before[name]}


def audits(**wanted: Any) -> list[Json]:
    """Audit rows, oldest first, without what no caller decides: time and hashes."""
    hidden = {"timestamp", "hash", "prevHash"}
    rows = AuditEvent.objects.filter(**wanted).order_by("seq")
    return [{name: value for name, value in audit_json(row).items() if name not in hidden} for row in rows]


def events(key: str, after: int = 0) -> list[tuple[str, Json]]:
    """(type, payload) of a conversation's stored client events after a number; their numbers must have no gap."""
    rows = list(Event.objects.filter(conversation__key=key, number__gt=after).order_by("number"))
    assert [row.number for row in rows] == list(range(after + 1, after + 1 + len(rows)))
    return [(row.type, row.payload) for row in rows]


def last_event(key: str) -> int:
    """The number of a conversation's newest event."""
    return Conversation.objects.get(key=key).last_event


def transcript(session_id: UUID | str) -> list[Entry]:
    """All entries of a session, its ancestors' too, by walking the parents row by row."""
    session = Session.objects.get(pk=session_id)
    own = list(Entry.objects.filter(session=session).order_by("seq"))
    if session.parent_id is None:
        return own
    return [entry for entry in transcript(session.parent_id) if entry.seq <= session.parent_seq] + own


def chain_digest(session_id: UUID | str, last_seq: int | None = None) -> str:
    """The digest of a transcript up to a position, computed from its entries alone."""
    link = ""
    for entry in transcript(session_id)[:last_seq]:
        run = entry.run_id.hex if entry.run_id else None
        time = entry.created_at.isoformat()
        body = [link, entry.seq, entry.kind, entry.role, entry.text, entry.data, run, time]
        words = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        link = hashlib.sha256(words.encode()).hexdigest()
    return link


def grow(session_id: UUID | str, entries: int) -> None:
    """Append many short messages to a session, by the statements that every append uses."""
    session = Session.objects.select_related("conversation").get(pk=session_id)
    journal = Journal()
    tip = journal.tip_of(session)
    for number in range(entries):
        journal.entry(tip, NewEntry(EntryKind.MESSAGE, Role.ASSISTANT if number % 2 else Role.USER, f"line {number}"))
    journal.write()


class queries(CaptureQueriesContext):  # noqa: N801 - reads as a sentence: with queries() as asked
    """Counts the queries on this connection, without savepoints."""

    def __init__(self) -> None:
        super().__init__(connection)

    @property
    def asked(self) -> list[str]:
        """The statements."""
        return [row["sql"] for row in self.captured_queries if "SAVEPOINT" not in row["sql"]]


def entries_taken(session_id: UUID, seqs: list[int]) -> None:
    """Take rows of a transcript away past its guards, as damage does."""
    table = Entry._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            guards = [f"ALTER TABLE {table} ENABLE TRIGGER USER"]
        else:
            found = cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table]
            )
            rows = found.fetchall()
            guards = [sql for _, sql in rows]
            for name, _ in rows:
                cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute(
            f"DELETE FROM {table} WHERE session_id = %s AND seq IN ({','.join(map(str, seqs))})", [raw_uuid(session_id)]
        )
        for guard in guards:
            cursor.execute(guard)
