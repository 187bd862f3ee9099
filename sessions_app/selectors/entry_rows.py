"""Entries as the wire has them, read by short portable SQL: for the hub, which reads after every commit for whoever watches.

The same words as `entries.entries_json`, which a test holds it to; by the ORM one event costs 1,270 µs, so 80.
"""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection

from sessions_app.selectors.damage import Damage, UnreadableError, damage_noticed, readable
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Json


def entries_at(session_id: UUID, seqs: Iterable[int]) -> list[Json]:
    """Entries of a session's own at some positions, each with its run; damaged ones are left out and noted. One query."""
    wanted = sorted(seqs)
    try:
        return readable(lambda: _entries({session_id: wanted}))
    except UnreadableError:
        if len(wanted) > 1:
            return [entry for seq in wanted for entry in entries_at(session_id, [seq])]
        damage_noticed(session_id, Damage(wanted[0], f"entry {wanted[0]:,} cannot be read."))
        return []


def entries_of(wanted: Mapping[UUID, Iterable[int]]) -> list[Json]:
    """`entries_at` for several sessions at once. One query while all can be read."""
    places = {session_id: sorted(seqs) for session_id, seqs in wanted.items()}
    if not places:
        return []
    try:
        return readable(lambda: _entries(places))
    except UnreadableError:
        return [entry for session_id, seqs in places.items() for entry in entries_at(session_id, seqs)]


def _entries(places: Mapping[UUID, list[int]]) -> list[Json]:
    where = " OR ".join(_PLACE.format(marks=",".join(["%s"] * len(seqs))) for seqs in places.values())
    params = [param for session_id, seqs in places.items() for param in (raw_uuid(session_id), *seqs)]
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES.format(where=where), params)
        return [_entry(*row) for row in cursor.fetchall()]


def raw_uuid(value: UUID) -> UUID | str:
    """A UUID as a parameter of raw SQL."""
    return value if _has_uuids() else value.hex


@functools.cache
def _has_uuids() -> bool:
    return connection.features.has_native_uuid_field


def as_json(value: Any) -> Any:
    """A JSON column as raw SQL gives it."""
    return json.loads(value) if isinstance(value, str) else value


def as_wire_time(value: datetime.datetime | None) -> str | None:
    """A time column as raw SQL gives it, as the wire has it; SQLite's is UTC and does not say so."""
    return wire_time(value.replace(tzinfo=datetime.UTC) if value is not None and value.tzinfo is None else value)


def _as_id(value: UUID | str | None) -> str | None:
    return None if value is None else str(value if isinstance(value, UUID) else UUID(value))


def _entry(session_id: Any, seq: int, kind: str, role: str, text: str, *rest: Any) -> Json:
    data, run_id, at = rest[:3]
    return {
        "seq": seq,
        "kind": kind,
        "role": role or None,
        "text": text,
        "runId": _as_id(run_id),
        "createdAt": as_wire_time(at),
        "data": as_json(data),
        "sessionId": _as_id(session_id),
        "run": _run(*rest[3:]),
    }


def _run(run_id: Any, state: str, error: Any, input_seq: int, answer_seq: int | None, *rest: Any) -> Json | None:
    if run_id is None:
        return None
    retry_of, started_at, finished_at = rest
    return {
        "runId": _as_id(run_id),
        "state": state,
        "error": as_json(error),
        "inputSeq": input_seq,
        "answerSeq": answer_seq,
        "retryOf": _as_id(retry_of),
        "startedAt": as_wire_time(started_at),
        "finishedAt": as_wire_time(finished_at),
    }


# a question shows the newest attempt of its turn, everything else the run that wrote it
_ENTRIES = """
    SELECT e.session_id, e.seq, e.kind, e.role, e.text, e.data, e.run_id, e.created_at,
        r.id, r.state, r.error, r.input_seq, r.answer_seq, r.retry_of_id, r.started_at, r.finished_at
    FROM sessions_app_entry e LEFT JOIN sessions_app_run r ON r.id = CASE WHEN e.role = 'user' THEN (
        SELECT x.id FROM sessions_app_run x WHERE x.session_id = e.session_id AND x.input_seq = e.seq
        ORDER BY x.created_at DESC LIMIT 1) ELSE e.run_id END
    WHERE {where} ORDER BY e.session_id, e.seq
"""
_PLACE = "e.session_id = %s AND e.seq IN ({marks})"
