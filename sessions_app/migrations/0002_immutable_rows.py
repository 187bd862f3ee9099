"""Triggers that keep history what it was, on both engines.

Entries: no gap in `seq`, no update, no delete. Audit rows: no update, no delete, no gap. `sessions_app.models` cannot say these
as constraints; guards in Python alone are slipped past by raw SQL.
"""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GAP = """
    NEW.seq <> 1 + COALESCE(
        (SELECT MAX(seq) FROM sessions_app_entry WHERE session_id = NEW.session_id),
        (SELECT parent_seq FROM sessions_app_session WHERE id = NEW.session_id), 0)
"""
AUDIT_GAP = "NEW.seq <> 1 + COALESCE((SELECT MAX(seq) FROM sessions_app_auditevent), 0)"

# name, table, when, condition, message
RULES = [
    ("entry_no_gap", "sessions_app_entry", "INSERT", GAP, "entries are numbered without gaps"),
    ("entry_no_update", "sessions_app_entry", "UPDATE", "", "entries are immutable"),
    ("entry_no_delete", "sessions_app_entry", "DELETE", "", "entries are immutable"),
    ("audit_no_gap", "sessions_app_auditevent", "INSERT", AUDIT_GAP, "audit rows are numbered without gaps"),
    ("audit_no_update", "sessions_app_auditevent", "UPDATE", "", "audit rows are immutable"),
    ("audit_no_delete", "sessions_app_auditevent", "DELETE", "", "audit rows are immutable"),
]


def sqlite_trigger(name: str, table: str, when: str, condition: str, message: str) -> str:
    """One refusing trigger in SQLite's words."""
    test = f"WHEN {condition}" if condition else ""
    return f"CREATE TRIGGER {name} BEFORE {when} ON {table} {test} BEGIN SELECT RAISE(ABORT, '{message}'); END"


def postgres_trigger(name: str, table: str, when: str, condition: str, message: str) -> str:
    """One refusing trigger and its function in PostgreSQL's words."""
    refuse = f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation';"
    body = f"IF {condition} THEN {refuse} END IF; RETURN NEW;" if condition else refuse
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; "
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def create(_apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make every trigger."""
    trigger = postgres_trigger if schema_editor.connection.vendor == "postgresql" else sqlite_trigger
    for rule in RULES:
        schema_editor.execute(trigger(*rule))


def drop(_apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take every trigger away again."""
    for name, table, *_ in RULES:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP TRIGGER {name} ON {table}; DROP FUNCTION {name}()")
        else:
            schema_editor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):
    """The triggers."""

    dependencies = [("sessions_app", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
