"""Traces of runs: which session had which key, and turns that no transcript has any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.messages import storable, stripped
from sessions_app.rescue.reading import Reading, words_digest


class TraceReading(Reading):
    """Reads a trajectory: its lines are kept, its runs are noted."""

    def _other(self, kind: Any, no: int, value: Any) -> None:
        super()._other(kind, no, value)
        run = value.get("runId") if isinstance(value, dict) else None
        data = value.get("data") if isinstance(value, dict) else None
        if not isinstance(run, str) or not isinstance(data, dict):
            return
        if kind == "session.started" and data.get("trigger") not in (None, "user"):
            self._noted(run, value, "by", storable(str(data["trigger"]))[:30])
        elif kind == "prompt.submitted" and isinstance(data.get("prompt"), str):
            self._noted(run, value, "prompt", storable(stripped(data["prompt"])))
        elif kind == "model.completed" and isinstance(data.get("assistantTexts"), list):
            words = [text for text in data["assistantTexts"] if isinstance(text, str)]
            self._noted(run, value, "answer", storable("\n\n".join(words)))

    def _noted(self, run: str, value: Any, column: str, text: str) -> None:
        key, session, at = (storable(str(value.get(name) or "")) for name in ("sessionKey", "sessionId", "ts"))
        db = self.ledger.db
        sql = "INSERT OR IGNORE INTO run(id, session, session_key, prompt, answer, by, at, file) VALUES (?,?,?,'','','',?,?)"
        db.execute(sql, (storable(run), session, key, at, self.file))
        db.execute(f"UPDATE run SET {column} = ? WHERE id = ?", (text, storable(run)))  # noqa: S608 - a column of ours


def lost_turns(ledger: Ledger) -> Iterator[tuple[str, str, list[bytes]]]:
    """Turns of people whose question stands in no transcript of their session, as lines: (session id, key, lines)."""
    sessions = list(ledger.rows("SELECT DISTINCT session, session_key FROM run ORDER BY session"))
    for session, key in sessions:
        lines: list[bytes] = []
        sql = "SELECT id, prompt, answer, at FROM run WHERE session = ? AND by = '' ORDER BY at, id"
        runs = ledger.db.execute(sql, (session,))
        for run, prompt, answer, at in runs:
            if not prompt.strip() or _is_known(ledger, session, prompt) or _is_known(ledger, session, f"run {run}"):
                continue
            lines += [_line(run, at, "user", prompt)]
            if answer.strip() and not _is_known(ledger, session, answer):
                lines += [_line(run, at, "assistant", answer)]
        if lines:
            yield session, key, lines


def _is_known(ledger: Ledger, session: str, words: str) -> bool:
    sql = "SELECT 1 FROM words WHERE session IN (?, '') AND digest = ?"
    return ledger.one(sql, session, words_digest(words)) is not None


def _line(run: str, at: str, role: str, text: str) -> bytes:
    message = {"role": role, "content": text, "recovered": "trajectory", "stopReason": "stop"}
    line = {
        "type": "message",
        "id": f"{run}:{role}",
        "timestamp": at,
        "message": message,
        "recoveredFrom": "trajectory",
    }
    return json.dumps(line, ensure_ascii=False).encode()
