"""The two numbered logs: the audit log's hash chain, and the client events of each conversation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sessions_app.models import AuditEvent
from sessions_app.runtime.doctor.findings import Finding, Severity
from sessions_app.runtime.doctor.source import Row, Source, as_key, id_of, json_of, text_of, time_of
from sessions_app.selectors.audit_chain import GENESIS_HASH, audit_hash
from sessions_app.values import Json

BREAKS_MAX = 50
GAPS_MAX = 1000
FILLED_MAX_EVENTS = 10_000
_COLUMNS = (
    "seq", "type", "outcome", "actor_kind", "actor_id", "actor_label", "trigger", "session_key", "old_session_id", "new_session_id",
    "reason", "request_id", "data", "created_at", "prev_hash", "hash",
)  # fmt: skip
_IDS = {"old_session_id", "new_session_id"}


def audit_chain(source: Source) -> Iterator[Finding]:
    """Follow the chain from its first row to its head, past every break; in pages."""
    previous, count, breaks = GENESIS_HASH, 0, 0
    for row in source.pages(_AUDIT, [], start=0):
        problem = _audit_problem(row, count, previous)
        if problem and breaks < BREAKS_MAX:
            breaks += 1
            yield _audit_break(count + 1 if row[0] != count + 1 else row[0], problem)
        count, previous = row[0], text_of(row[-1])
    rows = source.rows("SELECT last_seq, hash FROM sessions_app_audithead WHERE id = 1")
    head = (rows[0][0], text_of(rows[0][1])) if rows else None
    if head != (count, previous):
        yield Finding(
            "audit_head_wrong",
            "The head of the audit log does not name its last row, so nothing that must be audited can be done."
            if head
            else "The head of the audit log is missing, so nothing that must be audited can be done.",
            Severity.BROKEN,
            {"table": "audithead"},
            "The head is set to the last row; what it said before goes into the audit log.",
            {"do": "audit_head", "was": list(head) if head else None, "to": [count, previous]},
        )


def _audit_problem(row: Row, count: int, previous: str) -> str:
    if row[0] != count + 1:
        return f"Audit row {count + 1:,} is missing."
    try:
        if audit_hash(_audit_event(row)) != text_of(row[-1]):
            return f"Audit row {row[0]:,} is not what was written: its hash does not fit."
    except ValueError:
        return f"Audit row {row[0]:,} cannot be read."
    return "" if text_of(row[-2]) == previous else f"Audit row {row[0]:,} does not follow the one before it."


def _audit_break(seq: int, words: str) -> Finding:
    where: Json = {"table": "auditevent", "seq": seq}
    plan = "Audit rows are never changed: that it was found is written into the log, and `audit verify` goes on to tell it."
    return Finding("audit_broken", words, Severity.LOSS, where, plan, {"do": "acknowledge"})


def _audit_event(row: Row) -> AuditEvent:
    """A row as the hash wants it."""
    values: dict[str, Any] = {name: text_of(value) for name, value in zip(_COLUMNS, row, strict=True)}
    values |= {
        name: UUID(id_of(v)) if v is not None else None for name, v in zip(_COLUMNS, row, strict=True) if name in _IDS
    }
    return AuditEvent(**{**values, "seq": row[0], "data": json_of(row[12]), "created_at": time_of(row[13])})


def events(source: Source) -> Iterator[Finding]:
    """Each conversation's events against the number it counts to: a wrong number would stop its next change, or its replay."""
    for conversation, key, last_event, number, highest in source.rows(_HEADS):
        where: Json = {"sessionKey": text_of(key)}
        newest = highest or 0
        missing = _gaps(source, conversation) if number != newest else []
        if missing:
            total = sum(last - first + 1 for first, last in missing)
            can_fill = total <= FILLED_MAX_EVENTS
            yield Finding(
                "events_missing",
                f"{total:,} client events are missing, the first of them number {missing[0][0]:,}.",
                Severity.UNTIDY,
                {**where, "seq": missing[0][0]},
                "Each gap is filled with events that say how the conversation is now."
                if can_fill
                else "That it was found is written into the audit log; clients replay past the gap.",
                {"do": "fill_events", "conversationId": id_of(conversation), "gaps": missing}
                if can_fill
                else {"do": "acknowledge"},
            )
        if last_event != newest:
            yield Finding(
                "events_cursor_wrong",
                f"The conversation counts to event {last_event:,}, but its newest event is {newest:,}.",
                Severity.BROKEN,
                where,
                "The number is set to the newest event; pages that counted further load again by themselves.",
                {"do": "events_cursor", "conversationId": id_of(conversation), "was": last_event, "to": newest},
            )


def _gaps(source: Source, conversation: Any) -> list[list[int]]:
    """The first numbers that are missing, as [first, last]; in pages."""
    gaps: list[list[int]] = []
    before = 0
    for (number,) in source.pages(_NUMBERS, [as_key(conversation)], start=0):
        if number > before + 1:
            gaps.append([before + 1, number - 1])
            if len(gaps) == GAPS_MAX:
                break
        before = number
    return gaps


_AUDIT = f"SELECT {', '.join(_COLUMNS)} FROM sessions_app_auditevent WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - our names
_HEADS = """
    SELECT c.id, c.key, c.last_event, COUNT(e.id), MAX(e.number) FROM sessions_app_conversation c
    LEFT JOIN sessions_app_event e ON e.conversation_id = c.id GROUP BY c.id, c.key, c.last_event ORDER BY c.id
"""
_NUMBERS = "SELECT number FROM sessions_app_event WHERE conversation_id = ? AND number > ? ORDER BY number LIMIT ?"
