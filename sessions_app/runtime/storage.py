"""How much room each kind of data takes, for the Operations page."""

from __future__ import annotations

import shutil
import threading

from django.conf import settings
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.runtime.doctor.source import UNREADABLE, Source, opened, text_of
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, Json

KINDS: dict[str, tuple[str, ...]] = {
    "entries": ("sessions_app_entry",),
    "sessions": ("sessions_app_conversation", "sessions_app_session", "sessions_app_checkpoint"),
    "runs": ("sessions_app_run", "sessions_app_span", "sessions_app_serverinstance"),
    "events": ("sessions_app_event",),
    "hooks": ("sessions_app_hookevent", "sessions_app_hookdelivery", "sessions_app_hookcursor"),
    "audit": ("sessions_app_auditevent", "sessions_app_audithead"),
    "receipts": ("sessions_app_receipt",),
    "search": (
        *("sessions_app_searchrow", "sessions_app_searchstate", "sessions_app_searchtext"),
        *(f"sessions_app_searchtext_{part}" for part in ("data", "idx", "docsize", "config")),
    ),
}
_last: Json | None = None
_one_at_a_time = threading.Lock()


def storage_measure(actor: Actor) -> Json:
    """Measure it. On SQLite a pass over the whole file, so not for every page load; the result is kept for `storage_last`.

    Returns:
        {at, kinds: {kind: bytes}, databaseBytes, freeBytes}; a kind's indexes count too, `other` is everything else.

    Raises:
        ForbiddenError, UnauthenticatedError: the actor may not manage.
    """
    global _last  # noqa: PLW0603 - one place, one last result
    access.require(actor, Action.MANAGE)
    with _one_at_a_time:
        with opened() as source:
            tables = _sqlite_tables(source) if source.is_sqlite else _postgres_tables(source)
        kinds = {kind: sum(tables.pop(name, 0) for name in names) for kind, names in KINDS.items()}
        kinds["other"] = sum(tables.values())
        free = _free_bytes()
        _last = {
            "at": wire_time(timezone.now()),
            "kinds": kinds,
            "databaseBytes": sum(kinds.values()),
            "freeBytes": free,
        }
        return _last


def storage_last() -> Json | None:
    """The last measurement of this process; None when there was none."""
    return _last


def _sqlite_tables(source: Source) -> dict[str, int]:
    """Bytes by table, with its indexes. Without `dbstat`, which not every SQLite has, the length of what is in the rows."""
    try:
        rows = source.rows(_DBSTAT)
    except UNREADABLE:
        rows = [(name.encode(), _length(source, name)) for name in source.names("table")]
    return {text_of(name): size for name, size in rows}


def _length(source: Source, table: str) -> int:
    columns = [text_of(row[1]) for row in source.rows(f'PRAGMA table_info("{table}")')]
    total = " + ".join(f'COALESCE(SUM(LENGTH(CAST("{name}" AS BLOB))), 0)' for name in columns)
    return int(source.rows(f'SELECT {total or 0} FROM "{table}"')[0][0])  # noqa: S608 - names the database gave


def _postgres_tables(source: Source) -> dict[str, int]:
    return {name: source.rows("SELECT pg_total_relation_size(?)", [name])[0][0] for name in source.names("table")}


def _free_bytes() -> int:

    return shutil.disk_usage(settings.DATA_DIR).free


_DBSTAT = """
    SELECT COALESCE(m.tbl_name, d.name), SUM(d.pgsize) FROM dbstat d LEFT JOIN sqlite_master m ON m.name = d.name
    WHERE d.aggregate = TRUE GROUP BY 1
"""
