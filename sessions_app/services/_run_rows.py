"""Rows of new runs: for a message, for another attempt, for the message that came along with a reset."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from sessions_app.services._sql import db_time, db_uuid
from sessions_app.services.journal import Head, Journal, NewEntry, Tip
from sessions_app.values import Call, EntryKind, Role, RunState


def run_row(  # noqa: PLR0913 - one argument for each column that differs
    call: Call,
    *,
    run_id: UUID,
    session_id: UUID,
    input_seq: int,
    content: str,
    now: datetime.datetime,
    retry_of: UUID | None = None,
    continues: bool = False,
) -> tuple[Any, ...]:
    """The row of a new queued run, in the order of the INSERT."""
    return (
        db_uuid(run_id),
        db_uuid(session_id),
        input_seq,
        retry_of and db_uuid(retry_of),
        str(RunState.QUEUED),
        call.actor.ref,
        call.actor.label,
        call.request_id,
        content,
        "",
        continues,
        db_time(now),
    )


def runs_insert(rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of `run_row`."""
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(_INSERT_RUN, rows)


def user_turn(
    journal: Journal, head: Head, tip: Tip, call: Call, *, message: str, content: str
) -> tuple[UUID, int, tuple[Any, ...]]:
    """Append a user entry and make the row of the run that answers it.

    Returns:
        Run id, seq of the entry, row for `runs_insert`.
    """
    run_id = uuid.uuid4()
    entry = NewEntry(EntryKind.MESSAGE, Role.USER, message, run_id=run_id)
    seq = journal.entry_with_event(head, tip, entry)
    return (
        run_id,
        seq,
        run_row(call, run_id=run_id, session_id=tip.session_id, input_seq=seq, content=content, now=journal.now),
    )


_INSERT_RUN = (
    "INSERT INTO sessions_app_run (id, session_id, input_seq, retry_of_id, state, actor, actor_label, request_id, request_digest, "
    "partial, continues, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
