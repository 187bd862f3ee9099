"""Traces that were adopted beside a session, as tool records: what each run was asked, which tools it called with what, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import AdoptedStrand
from sessions_app.selectors.adoption import lines_from
from sessions_app.selectors.reading import reading_require
from sessions_app.values import Actor, Json

RUNS_A_PAGE = 20
TEXT_MAX_CHARS = 4000  # of one field; the whole line is in the export


@dataclass
class _Run:
    """One run, as far as its lines were read."""

    run_id: str
    began_at: str
    ended_at: str = ""
    facts: Json = field(default_factory=dict)
    tools: list[Json] = field(default_factory=list)
    lines: int = 0

    def take(self, line: Json) -> None:
        """Read one line of it."""
        self.lines += 1
        self.ended_at = _text(line.get("ts")) or self.ended_at
        for name in ("provider", "modelId"):
            if text := _text(line.get(name)):
                self.facts.setdefault({"modelId": "model"}.get(name, name), text)
        data = line.get("data")
        data = data if isinstance(data, dict) else {}
        if line.get("type") == "session.started":
            self.facts["trigger"] = _text(data.get("trigger"))
        elif line.get("type") == "prompt.submitted":
            self.facts["prompt"] = _text(data.get("prompt"))
        elif line.get("type") == "model.completed":
            self._completed(data)
        elif line.get("type") == "trace.artifacts":
            self.facts["status"] = _text(data.get("finalStatus"))
            self.tools = self.tools or _named(data.get("toolMetas"))
        elif line.get("type") == "session.ended":
            self.facts.setdefault("status", _text(data.get("status")))

    def _completed(self, data: Json) -> None:
        words = data.get("assistantTexts")
        texts = [text for text in words if isinstance(text, str)] if isinstance(words, list) else []
        self.facts["answer"] = _text("\n\n".join(texts))
        usage = data.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        self.facts["usage"] = {
            name: counts[name] for name in ("input", "output", "total") if isinstance(counts.get(name), int)
        }
        self.tools = _called(data.get("messagesSnapshot")) or self.tools

    def as_json(self) -> Json:
        """It, as `session_traces` gives it."""
        ends = {"startedAt": self.began_at or None, "endedAt": self.ended_at or None}
        return {"runId": self.run_id, **ends, **self.facts, "tools": self.tools, "lines": self.lines}


def session_traces(actor: Actor, *, session_id: UUID, cursor: str = "", limit: int = RUNS_A_PAGE) -> Json:
    """Runs whose traces were adopted beside a session, oldest first. Two queries, and one for each 20 blocks of lines.

    Args:
        actor: who asks; of others' sessions it is reading them.
        session_id: an adopted session.
        cursor: `nextCursor` of the page before.
        limit: runs a page, 1 to 100.

    Returns:
        {runs: [{runId, startedAt, endedAt, trigger?, provider?, model?, status?, prompt?, answer?, usage?, tools: [{name, arguments?,
        result?, isError?}], lines}], nextCursor}. Long texts are cut at TEXT_MAX_CHARS.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.session`.
        ReasonRequiredError: as `reading_require`.
        InvalidParamsError: the cursor is none of ours.
    """
    session = access.session(actor, Action.VIEW, session_id)
    reading_require(actor, session.conversation, session.pk)
    strand_id, number = _place(cursor)
    strands = AdoptedStrand.objects.filter(session=session, is_trace=True, pk__gte=strand_id).order_by("pk")
    runs: list[_Run] = []
    for strand in strands:
        first = number if strand.pk == strand_id else 1
        for no, line in _lines(strand, first):
            run_id = _text(line.get("runId"))
            if not runs or runs[-1].run_id != run_id:
                if len(runs) >= min(max(limit, 1), 100):
                    return {"runs": [run.as_json() for run in runs], "nextCursor": f"{strand.pk}.{no}"}
                runs.append(_Run(run_id, _text(line.get("ts"))))
            runs[-1].take(line)
    return {"runs": [run.as_json() for run in runs], "nextCursor": None}


def _place(cursor: str) -> tuple[int, int]:
    strand, _, line = cursor.partition(".")
    if not cursor:
        return 0, 1
    if not (strand.isdecimal() and line.isdecimal() and len(cursor) < 40):
        raise InvalidParamsError(
            "This page's address is no longer valid. Start again from the first page.", field="cursor"
        )
    return int(strand), int(line)


def _lines(strand: AdoptedStrand, first: int) -> Iterator[tuple[int, Json]]:
    for no, raw in lines_from(strand, first):
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            yield no, line


def _called(snapshot: Any) -> list[Json]:
    """The tools that were called since the newest question, each with what it gave back."""
    messages = [each for each in snapshot if isinstance(each, dict)] if isinstance(snapshot, list) else []
    asked = next((n for n in range(len(messages) - 1, -1, -1) if messages[n].get("role") == "user"), -1)
    found: list[Json] = []
    by_id: dict[str, Json] = {}
    for message in messages[asked + 1 :]:
        parts = message.get("content")
        for part in parts if isinstance(parts, list) else []:
            if isinstance(part, dict) and part.get("type") == "toolCall":
                asks = _text(json.dumps(part.get("arguments"), indent=2, ensure_ascii=False))
                by_id[_text(part.get("id"))] = {"name": _text(part.get("name")), "arguments": asks}
                found.append(by_id[_text(part.get("id"))])
        if message.get("role") == "toolResult":
            named: Json = {"name": _text(message.get("toolName"))}
            call = by_id.get(_text(message.get("toolCallId")), named)
            if call not in found:
                found.append(call)
            call |= {"result": _words(parts), "isError": message.get("isError") is True}
    return found


def _words(content: Any) -> str:
    if isinstance(content, list):
        return _text("\n\n".join(_text(part.get("text")) for part in content if isinstance(part, dict)))
    return _text(content)


def _named(metas: Any) -> list[Json]:
    """Tools of a trace that has no messages: their names, and what little it says of them."""
    found = [each for each in metas if isinstance(each, dict)] if isinstance(metas, list) else []
    return [{"name": _text(each.get("toolName")), "arguments": _text(each.get("meta"))} for each in found]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return value if len(value) <= TEXT_MAX_CHARS else value[:TEXT_MAX_CHARS] + "…"
