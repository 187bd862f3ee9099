"""Whether one entry can be read, and is what its digest says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sessions_app.canonical import digest
from sessions_app.runtime.doctor.source import Row, id_of, is_text, json_of, text_of, time_of


def entry_problem(row: Row, previous: str, *, deep: bool) -> str:
    """What is wrong with one entry; "" when nothing is.

    Args:
        row: seq, kind, role, text, data, digest, run_id, created_at as they lie there.
        previous: digest of the entry before.
        deep: whether the entry's own digest is computed again.
    """
    seq, kind, role, text, data, link, run, created_at = row
    if not all(is_text(value) for value in (kind, role, text, link)):
        return "is no readable text."
    try:
        facts, at = json_of(data), time_of(created_at)
    except ValueError:
        return "cannot be read."
    if not isinstance(facts, dict):
        return "cannot be read."
    if not deep:
        return ""
    run_id = None if run is None else UUID(id_of(run)).hex if _is_uuid(run) else text_of(run)
    body = [previous, seq, text_of(kind), text_of(role), text_of(text), facts, run_id, at.isoformat()]
    return "" if digest(body) == text_of(link) else "is not what was stored: its digest does not fit."


def _is_uuid(value: Any) -> bool:
    try:
        UUID(id_of(value))
    except ValueError:
        return False
    return True
