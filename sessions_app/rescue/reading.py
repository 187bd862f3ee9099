"""One transcript or trajectory into the ledger: its lines, what they are, and what cannot be read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.lines import BOM, RawLine, parsed
from sessions_app.rescue.messages import content_text, storable, stripped
from sessions_app.rescue.names import moment, uuid_in
from sessions_app.values import Json

BATCH_LINES = 2000
DIGEST_BYTES = 16
WORDS_MAX_CHARS = 120
_CARRIAGE_RETURN = 13
TOO_LONG = "too-long"
_SPOKEN = ("user", "assistant")
_scanned = json.scanner.make_scanner(json.JSONDecoder())  # type: ignore[attr-defined]


def line_digest(raw: bytes) -> bytes:
    """What tells two lines apart."""
    return blake2b(raw, digest_size=DIGEST_BYTES).digest()


def words_digest(text: str) -> bytes:
    """What tells whether two messages say the same."""
    return blake2b(" ".join(text.split()).encode(), digest_size=DIGEST_BYTES).digest()


@dataclass
class Reading:
    """What is gathered while the lines of one file go by."""

    ledger: Ledger
    file: int
    strand: int
    keeps_words: bool = False
    header: Any = None
    header_raw: bytes | None = None
    is_linear: bool = True
    cut: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    first: Any = None
    last: Any = None
    first_at: str | None = None
    last_at: str | None = None
    resets: list[tuple[int, str, str]] = field(default_factory=list)
    roles: dict[str, int] = field(default_factory=dict)
    _whole: int = 0
    _previous: str | None = None
    _rows: list[tuple[Any, ...]] = field(default_factory=list)

    def read(self, lines: Iterable[RawLine]) -> None:
        """Take all lines. Errors of the stream pass through; what came before is noted."""
        try:
            for line in lines:
                raw, value = line.raw, None
                if raw and self._whole and raw[-1] != _CARRIAGE_RETURN:
                    try:
                        text = str(raw, "utf-8")
                        value, end = _scanned(text, 0)  # `json.loads` without its search for white space around
                        value = value if end == len(text) else None
                    except (ValueError, RecursionError, StopIteration):
                        value = None
                if raw and type(value) is dict:  # the plain case, in few steps: a store has millions of them
                    self._whole += 1
                    self._good(line, raw, value)
                else:
                    self._take(line)
        finally:
            self.ledger.lines(self._rows)
            self._rows = []

    def _take(self, line: RawLine) -> None:
        raw = line.raw
        self.counts["other"] += 1
        if raw is None:
            self._bad(line, TOO_LONG)
            return
        raw = raw.removesuffix(b"\r")
        if line.no == 1:
            raw = raw.removeprefix(BOM)
        if not raw.strip():
            self.counts["blank"] += 1
            return
        value, problem = parsed(raw)
        if problem:
            self.cut = self.cut or not line.is_whole
            self._bad(line, problem)
            return
        if self.header is None and not self._whole and isinstance(value, dict) and value.get("type") == "session":
            self.header, self.header_raw = value, line.raw
            self.counts["header"] += 1
            return
        self.counts["other"] -= 1
        self._whole += 1
        self._good(line, raw, value)

    def _bad(self, line: RawLine, why: str) -> None:
        self.counts["bad"] += 1
        row = (self.file, line.no, line.offset, line.size, why)
        self.ledger.db.execute("INSERT INTO bad VALUES (?,?,?,?,?)", row)

    def _good(self, line: RawLine, raw: bytes, value: Any) -> None:
        eid = pid = kind = None
        if isinstance(value, dict):
            eid, pid, kind, at = value.get("id"), value.get("parentId"), value.get("type"), value.get("timestamp")
            if type(eid) is not str:
                eid = None
            if type(pid) is not str:
                pid = "" if "parentId" in value else None  # "" is a root, None goes on
            if type(at) is str:
                self.first_at, self.last_at = self.first_at or at, at
        if pid is not None and pid != self._previous and self._whole > 1:
            self.is_linear = False
        self._previous = eid or self._previous
        if kind == "message":
            self._message(value)
        else:
            self._other(kind, line.no, value)
        digest = blake2b(raw, digest_size=DIGEST_BYTES).digest()
        rows = self._rows
        rows.append((self.file, line.no, line.offset, line.size, self.strand, digest, eid, pid))
        if len(rows) >= BATCH_LINES:
            self.ledger.lines(rows)
            self._rows = []

    def _message(self, value: Json) -> None:
        message = value.get("message")
        role = message.get("role") if type(message) is dict else ""
        role = role if type(role) is str else ""
        self.roles[role] = self.roles.get(role, 0) + 1
        if role in _SPOKEN:
            self.first = self.first or value
            self.last = value
            if self.keeps_words:
                self._words_kept(value)

    def _words_kept(self, value: Json) -> None:
        """Note what was said, and by which run, so that a turn that only a trace has can be told."""
        said = [words_of(value, None)]
        request = value["message"].get("idempotencyKey")
        if isinstance(request, str) and request.endswith(":user"):
            said.append(storable(f"run {request.removesuffix(':user')}"))
        rows = [(self.header_id, words_digest(words)) for words in said]
        self.ledger.db.executemany("INSERT OR IGNORE INTO words VALUES (?,?)", rows)

    def _other(self, kind: Any, no: int, value: Any) -> None:
        self.counts[f"type:{kind if isinstance(kind, str) else 'unknown'}"[:60]] += 1
        if kind == "reset":
            self.resets.append((no, str(value.get("timestamp") or ""), str(value.get("reason") or "reset")))

    def divide(self) -> None:
        """Divide what was read into strands where it holds several of something; a transcript is divided as a tree."""

    def facts(self) -> Json:
        """What was gathered, as JSON."""
        types = {name[5:]: n for name, n in self.counts.items() if name.startswith("type:")}
        header = self.header if isinstance(self.header, dict) else {}
        started = header.get("timestamp") or self.first_at
        return {
            "lines": self.lines,
            "whole": self._whole + self.counts["header"],
            "entries": self._whole,
            "blank": self.counts["blank"],
            "unreadable": self.counts["bad"],
            "messages": {storable(role)[:60]: count for role, count in self.roles.items()},
            "types": types,
            "compactions": types.get("compaction", 0),
            "firstWords": words_of(self.first),
            "lastWords": words_of(self.last),
            "startedAt": _time_text(started, self.first_at),
            "firstAt": _time_text(self.first_at),
            "lastAt": _time_text(self.last_at, started),
            "hasHeader": self.header is not None,
            "cut": self.cut,
            "parentSession": header.get("parentSession") if isinstance(header.get("parentSession"), str) else None,
            "isLinear": self.is_linear,
            "resets": self.resets,
        }

    @property
    def lines(self) -> int:
        """How many lines went by, the empty and the unreadable ones too."""
        return self._whole + self.counts["other"]

    @property
    def entries(self) -> int:
        """How many of them are whole, the header apart."""
        return self._whole

    @property
    def header_id(self) -> str:
        """The session id the header names; "" without one."""
        value = self.header.get("id") if isinstance(self.header, dict) else None
        return (uuid_in(value) or storable(value)[:100]) if isinstance(value, str) else ""


def _time_text(*times: Any) -> str | None:
    """The first of some times that is one."""
    return next((time for time in times if isinstance(time, str) and moment(time)), None)


def words_of(value: Any, max_chars: int | None = WORDS_MAX_CHARS) -> str:
    """The words of a message line, without its envelope."""
    message = value.get("message") if isinstance(value, dict) else None
    if not isinstance(message, dict):
        return ""
    text = storable(stripped(content_text(message.get("content"))))
    return text if max_chars is None else " ".join(text.split())[:max_chars]
