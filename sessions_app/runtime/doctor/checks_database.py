"""The database file itself: its pages and indexes, the guards of history, references, and values nobody can read."""

from __future__ import annotations

import base64
import re
import sqlite3
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import models

from sessions_app.models import AuditEvent, Entry
from sessions_app.runtime.doctor.findings import Finding, Severity
from sessions_app.runtime.doctor.source import Row, Source, id_of, is_text, json_of, text_of, time_of
from sessions_app.values import Json

_INDEX_LINES = re.compile(r"missing from index|wrong # of entries in index|non-unique entry in index", re.IGNORECASE)
_PAGE_LINES = re.compile(r"malformed|page|tree|cell|rowid|freelist|out of order|not a database", re.IGNORECASE)
_SALVAGE = (
    "With the server stopped: everything that can be read goes into a new file, the old one is kept beside it. Then examine again: "
    "sessions that lost entries are found, and set aside."
)
_LINES_MAX = 100
_BYTES_KEPT = 2000
# found by the checks of pointers and transcripts, which can say more of it
_CHECKED_ELSEWHERE = {
    ("sessions_app_conversation", "current_session_id"),
    ("sessions_app_session", "parent_id"),
    ("sessions_app_entry", "session_id"),
}


def integrity(source: Source, *, deep: bool) -> Iterator[Finding]:
    """Ask SQLite whether its file is whole. At most one finding, which makes other checks of rows unsure.

    Args:
        source: the database.
        deep: compare every index with its table too.
    """
    if not source.is_sqlite:
        return
    try:
        check = f"PRAGMA {'integrity_check' if deep else 'quick_check'}({_LINES_MAX})"
        lines = [line for (row,) in source.rows(check) for line in text_of(row).splitlines()]
    except sqlite3.Error as error:
        lines = [str(error)]
    wrong = [line for line in lines if line != "ok" and not line.startswith("*** in database")]
    if not wrong:
        return
    words = f"{len(wrong)} problems in the database file, the first: {wrong[0][:200]}."
    if all(_INDEX_LINES.search(line) for line in wrong):
        plan = "The indexes are built again from their tables, which are whole."
        yield Finding("index_broken", words, Severity.BROKEN, {"problem": wrong[0][:80]}, plan, {"do": "reindex"})
    else:
        where: Json = {"problem": re.sub(r"\d+", "n", wrong[0])[:80]}
        words += " If a backup verifies that is new enough, restore it instead (docs/backup.md)."
        plan, repair = "", Json()
        if any(_PAGE_LINES.search(line) for line in wrong):
            plan, repair = _SALVAGE, {"do": "salvage"}
        yield Finding("database_broken", words, Severity.LOSS, where, plan, repair)


def guards(source: Source) -> Iterator[Finding]:
    """Find triggers that are missing: without them history could be edited."""
    rules = import_module("sessions_app.migrations.0002_immutable_rows").RULES  # its name is no identifier
    missing = sorted({rule[0] for rule in rules} - source.names("trigger"))
    if missing:
        yield Finding(
            "guards_missing",
            f"The database no longer refuses changes of history: {', '.join(missing)}.",
            Severity.BROKEN,
            {"triggers": missing},
            "The guards are set up again.",
            {"do": "guards", "names": missing},
        )


def references(source: Source) -> Iterator[Finding]:
    """Find rows that name a row which does not exist; PostgreSQL does not let that happen."""
    orphans = source.rows(_ORPHANS)
    yield from _orphans(orphans)
    if not source.is_sqlite:
        return
    found_elsewhere = {session for session, _ in orphans}
    for table, rowid, parent, number in source.rows("PRAGMA foreign_key_check"):
        name = text_of(table)
        keys = {row[0]: text_of(row[3]) for row in source.rows(f"PRAGMA foreign_key_list({_quoted(name)})")}
        column = keys.get(number, "")
        if (name, column) in _CHECKED_ELSEWHERE or rowid is None:
            continue
        named = source.rows(f"SELECT {_quoted(column)} FROM {_quoted(name)} WHERE rowid = ?", [rowid])  # noqa: S608
        if found_elsewhere.intersection(*named):
            continue  # that session is made again
        where: Json = {"table": name, "column": column, "row": rowid}
        words = f"A row of {name} names one of {text_of(parent)} that does not exist."
        if _is_nullable(name, column):
            plan, repair = "The reference is emptied.", {"do": "value", **where, "values": [None]}
        else:
            plan, repair = "The row is kept; that it was found is written into the audit log.", {"do": "acknowledge"}
        yield Finding("reference_dangling", words, Severity.UNTIDY, where, plan, repair)


def _orphans(rows: list[Row]) -> Iterator[Finding]:
    """Entries whose session is gone: they are all there, and no page shows them."""
    for session, count in rows:
        yield Finding(
            "session_missing",
            f"{count:,} entries belong to a session that does not exist.",
            Severity.LOSS,
            {"sessionId": id_of(session)},
            "The session is made again, under its conversation when the audit log knows it, so that they are shown.",
            {"do": "recreate", "sessionId": id_of(session)},
        )


def values(source: Source) -> Iterator[Finding]:
    """Find what is neither text, JSON nor a time where one of these must be; entries and audit rows are checked elsewhere."""
    if not source.is_sqlite:
        return
    tables = source.names("table")
    for model in apps.get_app_config("sessions_app").get_models():
        fields = [field for field in model._meta.concrete_fields if _is_checked(field)]
        if model in {Entry, AuditEvent} or not fields:
            continue
        table = model._meta.db_table
        if table not in tables:
            continue
        columns = ", ".join(_quoted(field.column) for field in fields)
        sql = f"SELECT rowid, {columns} FROM {_quoted(table)} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608 - our names
        try:
            for row in source.pages(sql, [], start=-1):
                for field, value in zip(fields, row[1:], strict=True):
                    if not _fits(field, value):
                        yield _unreadable(table, field, row[0], value)
        except sqlite3.DatabaseError as error:
            yield Finding(
                "table_broken", f"The table {table} cannot be read: {error}.", Severity.LOSS, {"table": table}
            )


def _unreadable(table: str, field: Any, rowid: int, value: Any) -> Finding:
    where: Json = {"table": table, "column": field.column, "row": rowid}
    was = base64.b64encode(value if isinstance(value, bytes) else str(value).encode()[:_BYTES_KEPT])[
        :_BYTES_KEPT
    ].decode()
    if isinstance(field, models.JSONField):
        mended = "{}"
    elif isinstance(field, models.DateTimeField):
        mended = "1970-01-01 00:00:00"
    else:
        mended = text_of(value).replace("\x00", "")
    choices = [None, mended] if field.null else [mended]  # a rule of the table may want something, or nothing
    return Finding(
        "value_unreadable",
        f"A value in {table}.{field.column} cannot be read, so pages that show it fail.",
        Severity.BROKEN,
        where,
        "What can be read of it stays; the bytes it had go into the audit log, and are in the backup.",
        {"do": "value", **where, "values": choices, "was": was},
    )


def _is_checked(field: Any) -> bool:
    kinds = (models.CharField, models.TextField, models.JSONField, models.DateTimeField)
    return isinstance(field, kinds) and not field.primary_key


def _fits(field: Any, value: Any) -> bool:
    if value is None:
        return bool(field.null)
    try:
        if isinstance(field, models.JSONField):
            json_of(value)
        elif isinstance(field, models.DateTimeField):
            time_of(value)
        else:
            return is_text(value)
    except ValueError:
        return False
    return True


def _is_nullable(table: str, column: str) -> bool:
    for model in apps.get_models():
        if model._meta.db_table == table and model not in {Entry, AuditEvent}:
            return any(field.column == column and field.null for field in model._meta.concrete_fields)
    return False


def _quoted(name: str | None) -> str:
    return '"' + (name or "").replace('"', '""') + '"'


_ORPHANS = """
    SELECT e.session_id, COUNT(*) FROM sessions_app_entry e LEFT JOIN sessions_app_session s ON s.id = e.session_id
    WHERE s.id IS NULL GROUP BY e.session_id ORDER BY e.session_id
"""
