"""An empty place inside a test's transaction: everything is gone in it, and back when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.apps import apps
from django.db import connection, transaction

from sessions_app.runtime.bootstrap import rows_ready

_SQLITE_TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_no_delete'"


@contextmanager
def emptied() -> Iterator[None]:
    """A place as a first start makes it: one administrator with an empty conversation."""
    with transaction.atomic():
        _all_gone()
        rows_ready()
        yield
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE" if connection.vendor == "postgresql" else "SELECT 1")
        transaction.set_rollback(True)


def _all_gone() -> None:
    """Delete every row of ours; the triggers that forbid it are out of the way until the transaction is rolled back."""
    models = apps.get_app_config("sessions_app").get_models(include_auto_created=True)
    tables = [model._meta.db_table for model in models] + ["sessions_app_searchtext"]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table in tables:
                cursor.execute(f"DELETE FROM {table}")
            cursor.execute("SET LOCAL session_replication_role = origin")
            return
        cursor.execute(_SQLITE_TRIGGERS)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {name}")
        for table in tables[:-1]:
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("INSERT INTO sessions_app_searchtext(sessions_app_searchtext) VALUES ('delete-all')")
