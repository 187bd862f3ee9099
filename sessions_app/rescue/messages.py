"""What a transcript line says, in Holdfast's words; the line itself is kept beside it.

Text is shown without the envelope its source wrapped around it: the "Sender (untrusted metadata)" block and the date in brackets.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from sessions_app.values import EntryKind, Json, Role

_ENVELOPE = re.compile(r"\A(?:[\w ]{1,60} \(untrusted[^)\n]{0,60}\):\s*\n```(?:json)?\n.*?\n```\s*\n?)+", re.DOTALL)
_DATED = re.compile(r"\A\[(?:[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)? [^\]\n]{1,40}\] ?")
_BROKEN = re.compile("[\x00\ud800-\udfff]")
# lines that say nothing to a reader; they are kept, no entry is made of them
_QUIET = frozenset({"session", "model_change", "thinking_level_change", "label", "session_info", "reset", "leaf"})
_STATES = {"aborted": "aborted", "error": "error"}


@dataclass(slots=True)  # frozen would cost a microsecond each, and there are millions
class Said:
    """One entry to be."""

    kind: EntryKind
    role: Role | None = None
    text: str = ""
    data: Json = field(default_factory=dict)


def storable(text: str) -> str:
    """Text that both engines can store: NUL and halves of surrogate pairs become the replacement character."""
    return _BROKEN.sub("\ufffd", text) if _BROKEN.search(text) else text


def stripped(text: str) -> str:
    """A person's words without the envelope."""
    bare = (
        _ENVELOPE.sub("", text, count=1)
        if text.startswith(("Sender", "Conversation", "Thread", "Reply", "Forwarded"))
        else text
    )
    bare = bare.lstrip("\n") if bare is not text else bare
    return _DATED.sub("", bare, count=1) if bare.startswith("[") else bare


def content_text(content: Any) -> str:
    """The text of a message's content: a string, or parts; images are told by a word."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    words = []
    for part in content:
        if not isinstance(part, dict):
            continue
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            words.append(part["text"])
        elif part.get("type") == "image":
            words.append(f"[image {str(part.get('mimeType') or '')[:60]}]".replace(" ]", "]"))
    return "\n\n".join(words)


def role_of(line: Any) -> str:
    """The role of a message line; "" for any other."""
    message = line.get("message") if isinstance(line, dict) and line.get("type") == "message" else None
    role = message.get("role") if isinstance(message, dict) else None
    return role if isinstance(role, str) else ""


def said(line: Any) -> Said | None:
    """The entry a line becomes; None for lines that say nothing to a reader."""
    if not isinstance(line, dict):
        return _note("unknown", line)
    kind = line.get("type")
    if kind == "message" and isinstance(line.get("message"), dict):
        return _message(line["message"])
    if kind in ("compaction", "branch_summary"):
        facts = {name: line[name] for name in ("firstKeptEntryId", "tokensBefore", "fromId") if _plain(line.get(name))}
        return Said(EntryKind.COMPACTION, Role.SYSTEM, storable(str(line.get("summary") or "")), _data(facts))
    if kind in _QUIET or (kind == "custom" and line.get("customType") == "model-snapshot"):
        return None
    if kind == "custom_message":
        return _note(str(line.get("customType")), content_text(line.get("content"))) if line.get("display") else None
    return _note(str(line.get("customType") or kind or "unknown"), line.get("data") or line)


def _message(message: Json) -> Said:
    role, content = message.get("role"), message.get("content")
    text = storable(content_text(content))
    if role == "user":
        return Said(EntryKind.MESSAGE, Role.USER, stripped(text), _data({"recovered": message.get("recovered")}))
    if role == "assistant":
        return _answer(message, text)
    if role == "toolResult":
        facts = {
            "name": message.get("toolName"),
            "callId": message.get("toolCallId"),
            "isError": message.get("isError"),
            "recovered": message.get("recovered"),
        }
        return Said(EntryKind.TOOL_RESULT, None, text, _data(facts))
    if role == "bashExecution":
        words = f"$ {message.get('command') or ''}\n{message.get('output') or text}"
        return Said(
            EntryKind.TOOL_RESULT, None, storable(words), _data({"name": "bash", "recovered": message.get("recovered")})
        )
    if role in ("branchSummary", "compactionSummary"):
        return Said(EntryKind.COMPACTION, Role.SYSTEM, storable(str(message.get("summary") or text)), _data({}))
    return _note(str(role or "message"), text or message)


def _answer(message: Json, text: str) -> Said:
    calls = [part for part in _parts(message) if part.get("type") == "toolCall"]
    words = "\n".join(f"{call.get('name')} {_json(call.get('arguments'))}" for call in calls)
    if calls and not text.strip():
        facts: Json = {"name": str(calls[0].get("name")), "recovered": message.get("recovered")}
        return Said(EntryKind.TOOL_CALL, None, storable(words), _data(facts))
    stop = message.get("stopReason")
    facts = {"state": _STATES.get(str(stop), "final"), "model": message.get("model")}
    facts |= {"backend": message.get("provider"), "recovered": message.get("recovered")}
    if stop == "error":
        facts["error"] = {"kind": "agent_failed", "message": storable(str(message.get("errorMessage") or ""))[:2000]}
    if calls:
        facts["toolCalls"] = storable(words)
    return Said(EntryKind.MESSAGE, Role.ASSISTANT, text, _data(facts))


def _parts(message: Json) -> list[Json]:
    content = message.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _note(name: str, content: Any) -> Said:
    text = content if isinstance(content, str) else _json(content)
    return Said(EntryKind.TOOL_RESULT, None, storable(text), _data({"name": storable(name)[:100]}))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(value: Any) -> bool:
    return isinstance(value, str | int)


def _data(facts: Json) -> Json:
    """What both engines store alike: words, whole numbers, no nothing."""
    clean: Json = {"imported": True}
    for name, value in facts.items():
        if isinstance(value, str):
            clean[name] = storable(value)[:200] if name != "toolCalls" else value
        elif isinstance(value, bool | dict) or (isinstance(value, int) and abs(value) < 2**53):
            clean[name] = value
    return clean
