"""Data directories of the file era to scan and adopt: a few long transcripts, or many short ones."""

from __future__ import annotations

import datetime
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

_BEGAN = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
_USAGE = {"input": 1200, "output": 80, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 1280}
_QUESTION = "How do the beans grow when it rains every day, and what about the fence behind the shed?"
_ANSWER = "The beans grow well when it rains; look at the fence after each storm, because the posts rot. " * 3


def store_made(root: Path, sessions: int, lines: int) -> int:
    """Write a store.

    Args:
        root: its directory, which must not be there.
        sessions: how many, each under a key of its own.
        lines: messages in each.

    Returns:
        How many lines it has, headers too.
    """
    home = root / "agents" / "main" / "sessions"
    home.mkdir(parents=True)
    rows = {}
    for number in range(sessions):
        name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{root.name}/{number}"))
        (home / f"{name}.jsonl").write_text("".join(_lines(name, number, lines)))
        at = int((_BEGAN.timestamp() + number) * 1000)
        file = f"/home/user/.openclaw/agents/main/sessions/{name}.jsonl"
        rows[f"agent:main:{root.name}-{number}"] = {"sessionId": name, "updatedAt": at, "sessionFile": file}
    (home / "sessions.json").write_text(json.dumps(rows, indent=2))
    return sessions * (lines + 1)


def _lines(name: str, number: int, lines: int) -> Iterator[str]:
    at = _BEGAN + datetime.timedelta(seconds=number)
    yield _line({"type": "session", "version": 3, "id": name, "timestamp": _stamp(at), "cwd": "/home/user"})
    parent = None
    for n in range(lines):
        eid, at = f"{(number * lines + n) & 0xFFFFFFFF:08x}", at + datetime.timedelta(seconds=1)
        if n % 2:
            text = [{"type": "text", "text": f"{n}. {_ANSWER}"}]
            more = {"api": "openai-completions", "provider": "stub", "model": "stub-1", "usage": _USAGE}
            message = {"role": "assistant", "content": text, **more, "stopReason": "stop", "responseId": f"r{n}"}
        else:
            message = {
                "role": "user",
                "content": [{"type": "text", "text": f"[Fri 2026-05-01 10:00 UTC] {n}. {_QUESTION}"}],
            }
        yield _line({"type": "message", "id": eid, "parentId": parent, "timestamp": _stamp(at), "message": message})
        parent = eid


def _stamp(at: datetime.datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(value: object) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"
