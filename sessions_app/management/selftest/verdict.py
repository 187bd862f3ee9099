"""Counting after a drill: every promise against what is stored, read from the database file by plain SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import UUID

from sessions_app.management.selftest.ledger import Ledger


@dataclass(slots=True)
class Verdict:
    """A loss report. All numbers of `losses` must be 0."""

    rounds: int
    kills: int
    terms: int
    acknowledged: int
    resets: int
    restores: int
    spans: int
    hooks_expected: int
    hooks_received: int
    losses: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not any(self.losses.values())

    def as_json(self) -> dict[str, object]:
        """The report as a document."""
        return {"ok": self.ok, **asdict(self)}

    def as_text(self) -> str:
        """The report for a terminal."""
        rows = [(name.replace("_", " "), value) for name, value in asdict(self).items() if name != "losses"]
        lines = [f"{name:42}{value:>8}" for name, value in rows]
        lines += [f"{name.replace('_', ' '):42}{value:>8}" for name, value in self.losses.items()]
        return "\n".join(
            [*lines, "", "Nothing was lost." if self.ok else "SOMETHING WAS LOST. Keep this report and the directory."]
        )


def verdict(database: Path, ledger: Ledger, received: list[str], *, rounds: int, audit_ok: bool) -> Verdict:
    """Compare what was promised with what is stored.

    Args:
        database: of a server that has ended.
        ledger: what its clients heard.
        received: ids of the hooks received.
        rounds: how many there were.
        audit_ok: whether the audit chain verified.
    """
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as rows:
        expected = {
            str(UUID(row[0]))
            for row in rows.execute(
                "SELECT event_id FROM sessions_app_hookevent WHERE type IN ('session_start', 'session_end')"
            )
        }
        report = Verdict(
            rounds=rounds,
            kills=ledger.kills,
            terms=ledger.terms,
            acknowledged=len(ledger.acked),
            resets=len(ledger.resets),
            restores=len(ledger.restores),
            spans=_count(rows, "SELECT COUNT(*) FROM sessions_app_span"),
            hooks_expected=len(expected),
            hooks_received=len(set(received)),
        )
        report.losses = {
            **_messages(rows, ledger),
            **{name: _count(rows, sql) for name, sql in NONSENSE.items()},
            "moves_acknowledged_and_not_audited": _moves(rows, ledger),
            "hooks_never_received": len(expected - set(received)),
            "hooks_received_and_never_written": len(set(received) - expected),
            "audit_chain_broken": int(not audit_ok),
            "exits_other_than_0": len(ledger.bad_exits),
        }
    return report


EXPECTED_HOOKS = "SELECT event_id FROM sessions_app_hookevent WHERE type IN ('session_start', 'session_end')"
# each of these counts something that must not exist
NONSENSE = {
    "messages_stored_twice": "SELECT COUNT(*) FROM (SELECT 1 FROM sessions_app_run WHERE retry_of_id IS NULL GROUP BY request_id HAVING COUNT(*) > 1)",
    "gaps_in_transcripts": """SELECT COUNT(*) FROM sessions_app_session s WHERE s.last_seq - s.parent_seq <>
        (SELECT COUNT(*) FROM sessions_app_entry e WHERE e.session_id = s.id)""",
    "conversations_without_one_current_session": """SELECT COUNT(*) FROM sessions_app_conversation c WHERE 1 <>
        (SELECT COUNT(*) FROM sessions_app_session s WHERE s.conversation_id = c.id AND s.ended_at IS NULL)
        OR c.current_session_id NOT IN (SELECT id FROM sessions_app_session s WHERE s.ended_at IS NULL)""",
    "resets_half_done": """SELECT ABS((SELECT COUNT(*) FROM sessions_app_session WHERE start_reason = 'reset') -
        (SELECT COUNT(*) FROM sessions_app_auditevent WHERE type = 'session.reset' AND outcome = 'ok'))""",
    "runs_left_running": "SELECT COUNT(*) FROM sessions_app_run WHERE state = 'running'",
    "spans_left_open": "SELECT COUNT(*) FROM sessions_app_span WHERE closed_at IS NULL",
    "spans_not_ended_exactly_once": """SELECT COUNT(*) FROM sessions_app_span p WHERE 1 <>
        (SELECT COUNT(*) FROM sessions_app_hookevent h WHERE h.span_id = p.id AND h.type = 'session_end')""",
}


def _messages(rows: sqlite3.Connection, ledger: Ledger) -> dict[str, int]:
    """Acknowledged messages that are missing, changed, or out of the order they were acknowledged in."""
    missing = changed = 0
    for request, (session, seq) in ledger.acked.items():
        found = rows.execute(
            "SELECT e.text FROM sessions_app_entry e JOIN sessions_app_run r ON r.id = e.run_id "
            "WHERE e.session_id = ? AND e.seq = ? AND e.role = 'user' AND r.request_id = ?",
            (UUID(session).hex, seq, request),
        ).fetchone()
        missing += found is None
        changed += found is not None and found[0] != ledger.asked[request]
    return {"acknowledged_messages_missing": missing, "acknowledged_messages_changed": changed}


def _moves(rows: sqlite3.Connection, ledger: Ledger) -> int:
    """Acknowledged moves without their audit row."""
    audited = set(
        rows.execute("SELECT old_session_id, new_session_id FROM sessions_app_auditevent WHERE outcome = 'ok'")
    )
    return sum((UUID(old).hex, UUID(new).hex) not in audited for old, new in [*ledger.resets, *ledger.restores])


def _count(rows: sqlite3.Connection, sql: str) -> int:
    count: int = rows.execute(sql).fetchone()[0]
    return count
