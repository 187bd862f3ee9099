"""Traces of runs: which session had which key, and turns that no transcript has any more.

A trace keeps what a run was asked, what it answered, and with `messagesSnapshot` everything the model saw and said, tools too. Where the
transcript of a session is gone, all of that comes back; where it is there, only questions of people that do not stand in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.messages import content_text, storable, stripped
from sessions_app.rescue.names import moment
from sessions_app.rescue.reading import Reading, words_digest
from sessions_app.values import Json

_SPOKEN = ("user", "assistant", "toolResult", "compactionSummary", "branchSummary", "bashExecution")


@dataclass
class TraceReading(Reading):
    """Reads a trajectory: its lines are kept, its runs are noted.

    Attributes:
        sessions: where lines of another session begin: (line number, session id, key). A reset keeps the name of the file.
    """

    sessions: list[tuple[int, str, str]] = field(default_factory=list)

    def divide(self) -> None:
        """Give each session of the trace a strand of its own."""
        strands: dict[str, int] = {}
        ends = [no for no, *_ in self.sessions[1:]]
        for (begin, session, key), end in zip(self.sessions, [*ends, 1 << 62], strict=False):
            if session not in strands:
                strands[session] = (
                    self.ledger.add("strand", file=self.file, part="main", facts={}) if strands else self.strand
                )
                self.ledger.facts_changed("strand", strands[session], session=session, key=key)
            if strands[session] != self.strand:
                sql = "UPDATE line SET strand = ? WHERE file = ? AND no >= ? AND no < ?"
                self.ledger.db.execute(sql, (strands[session], self.file, begin, end))

    def _other(self, kind: Any, no: int, value: Any) -> None:
        super()._other(kind, no, value)
        about = value if isinstance(value, dict) else {}
        session, key = (storable(str(about.get(name) or "")) for name in ("sessionId", "sessionKey"))
        if session and (not self.sessions or self.sessions[-1][1] != session):
            self.sessions.append((no, session, key))
        run = value.get("runId") if isinstance(value, dict) else None
        data = value.get("data") if isinstance(value, dict) else None
        if not isinstance(run, str) or not isinstance(data, dict):
            return
        if kind == "session.started" and data.get("trigger") not in (None, "user"):
            self._noted(run, value, "by", storable(str(data["trigger"]))[:30])
        elif kind == "prompt.submitted" and isinstance(data.get("prompt"), str):
            self._noted(run, value, "prompt", storable(stripped(data["prompt"])))
        elif kind == "model.completed":
            words = data.get("assistantTexts")
            words = [text for text in words if isinstance(text, str)] if isinstance(words, list) else []
            self._noted(run, value, "answer", storable("\n\n".join(words)))
            self._seen(run, value, data.get("messagesSnapshot"))

    def _seen(self, run: str, value: Json, snapshot: Any) -> None:
        """Note the messages of the run itself, and those before it when it is the first of its session."""
        messages = [each for each in snapshot if _is_spoken(each)] if isinstance(snapshot, list) else []
        asked = next((n for n in range(len(messages) - 1, -1, -1) if messages[n]["role"] == "user"), None)
        if asked is None:
            return
        self._noted(run, value, "turn", json.dumps(messages[asked:]))
        session = storable(str(value.get("sessionId") or ""))
        if asked and self.ledger.one("SELECT 1 FROM run WHERE session = ? AND before <> ''", session) is None:
            self._noted(run, value, "before", json.dumps(messages[:asked]))

    def _noted(self, run: str, value: Any, column: str, text: str) -> None:
        key, session, at = (storable(str(value.get(name) or "")) for name in ("sessionKey", "sessionId", "ts"))
        db = self.ledger.db
        sql = "INSERT OR IGNORE INTO run(id, session, session_key, at, file) VALUES (?,?,?,?,?)"
        db.execute(sql, (storable(run), session, key, at, self.file))
        db.execute(f"UPDATE run SET {column} = ? WHERE id = ?", (text, storable(run)))  # noqa: S608 - a column of ours


def _is_spoken(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in _SPOKEN


def lost_turns(ledger: Ledger) -> Iterator[tuple[str, str, bool, list[bytes]]]:
    """Turns that stand in no transcript of their session, as lines with their tools: (session id, key, is its transcript gone, lines).

    Of a session that has a transcript these are turns of people whose question is not in it; of one that has none, all there were.
    """
    sessions = list(ledger.rows("SELECT session, max(session_key) FROM run GROUP BY session ORDER BY session"))
    for session, key in sessions:
        is_gone = ledger.one("SELECT 1 FROM words WHERE session = ?", session) is None
        lines: list[bytes] = []
        sql = "SELECT id, prompt, answer, by, at, turn, before FROM run WHERE session = ? ORDER BY at, id"
        for run, prompt, answer, by, at, turn, before in ledger.db.execute(sql, (session,)):
            if (by and not is_gone) or _is_known(ledger, session, prompt) or _is_known(ledger, session, f"run {run}"):
                continue
            if is_gone and before and not lines:
                lines += _lines(f"{run}:before", at, json.loads(before))
            lines += (
                _lines(run, at, json.loads(turn))
                if turn
                else _asked_and_answered(ledger, session, run, at, prompt, answer)
            )
        if lines:
            yield session, key, is_gone, lines


def _asked_and_answered(ledger: Ledger, session: str, run: str, at: str, prompt: str, answer: str) -> list[bytes]:
    """A turn of which the trace has words and no messages."""
    if not prompt.strip():
        return []
    messages: list[Json] = [{"role": "user", "content": prompt}]
    if answer.strip() and not _is_known(ledger, session, answer):
        messages.append({"role": "assistant", "content": answer, "stopReason": "stop"})
    return _lines(run, at, messages)


def _is_known(ledger: Ledger, session: str, words: str) -> bool:
    sql = "SELECT 1 FROM words WHERE session IN (?, '') AND digest = ?"
    return bool(words.strip()) and ledger.one(sql, session, words_digest(words)) is not None


def _lines(run: str, at: str, messages: list[Json]) -> list[bytes]:
    return [_line(f"{run}:{number}", at, message) for number, message in enumerate(messages)]


def _line(eid: str, at: str, message: Json) -> bytes:
    said_at = moment(message.get("timestamp"))
    message = message | {"recovered": "trajectory"}
    if message["role"] == "user":
        message["content"] = stripped(content_text(message.get("content")))
    stamp = said_at.isoformat() if said_at else at
    line = {"type": "message", "id": eid, "timestamp": stamp, "message": message, "recoveredFrom": "trajectory"}
    return json.dumps(line).encode()
