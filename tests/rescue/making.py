"""Small stores for tests: transcripts as the real programs write them, and what may happen to them."""

from __future__ import annotations

import json
import shutil
import uuid
from collections import Counter
from pathlib import Path

from sessions_app.rescue.listed import report_whole
from sessions_app.rescue.plan import Plan, planned
from sessions_app.rescue.points import points_of
from sessions_app.rescue.report import duplicates_noted, report_json
from sessions_app.rescue.scan import Store, store_read
from sessions_app.values import Json
from tests.support.server import free_port

STORES = Path(__file__).parent / "stores"
REAL = ["store-2026.4.21", "store-2026.4.26", "store-2026.9.6"]
KEY = "agent:main:main"


def session_id(number: int) -> str:
    """A stable uuid."""
    return str(uuid.UUID(int=0x1234567890AB4DEF8000000000000000 + number))


def header(session: str, at: str = "2026-11-20T16:00:00.000Z", **more) -> bytes:
    return json.dumps({"type": "session", "version": 3, "id": session, "timestamp": at, **more}).encode()


def message(eid: str, parent: str | None, role: str, text: str, minute: int = 0, **more) -> bytes:
    at = f"2026-11-20T16:{minute:02}:00.000Z"
    words = {"role": role, "content": [{"type": "text", "text": text}], **more}
    return json.dumps({"type": "message", "id": eid, "parentId": parent, "timestamp": at, "message": words}).encode()


def talk(session: str, texts: list[str], *, prefix: str = "m", with_header: bool = True) -> list[bytes]:
    """A transcript of questions and answers, in turn."""
    lines = [header(session)] if with_header else []
    for n, text in enumerate(texts):
        parent = f"{prefix}{n - 1}" if n else None
        lines.append(message(f"{prefix}{n}", parent, "assistant" if n % 2 else "user", text, n))
    return lines


class Made:
    """A store of the file era in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sessions = root / "agents" / "main" / "sessions"
        self.sessions.mkdir(parents=True)
        self.rows: dict[str, Json] = {}

    def file(self, name: str, lines: list[bytes], end: bytes = b"\n") -> Path:
        path = self.sessions / name
        path.write_bytes(b"\n".join(lines) + end)
        return path

    def row(self, key: str, session: str, base: str = "", **more) -> None:
        file = f"/home/user/.openclaw/agents/main/sessions/{base or session}.jsonl"
        self.rows[key] = {"sessionId": session, "updatedAt": 1795193836948, "sessionFile": file, **more}
        (self.sessions / "sessions.json").write_text(json.dumps(self.rows, indent=2))

    def live(self, key: str, session: str, texts: list[str]) -> Path:
        self.row(key, session)
        return self.file(f"{session}.jsonl", talk(session, texts, prefix=session[-4:]))


def copied(name: str, root: Path) -> None:
    """Copy a real store, with a port at which nothing answers: whoever has the port it was made with is not of the test."""
    shutil.copytree(STORES / name, root)
    place = root / "openclaw.json"
    settings = json.loads(place.read_text())
    settings["gateway"]["port"] = free_port()
    place.write_text(json.dumps(settings))


def read(root: Path) -> tuple[Store, Plan, Json]:
    """Scan and plan; the store must be closed by the caller or by the end of the process."""
    store = store_read(root)
    plan = planned(store)
    duplicates_noted(plan)
    return store, plan, report_whole(report_json(plan, points_of(plan)))


def codes(report: Json) -> Counter[str]:
    return Counter(row["code"] for row in report["findings"])


def sums_hold(report: Json) -> None:
    """The parts of every file sum up to its lines, and the files to the totals."""
    names = ("adopted", "duplicate", "unreadable", "refused")
    for row in report["files"]:
        sums = row.get("accounts")
        if sums:
            assert sums["lines"] == sum(sums[name] for name in names), row
            assert all(sums[name] >= 0 for name in names), row
            assert sums["refused"] == sum(sums["why"].values()), row
    totals = report["totals"]
    assert totals["lines"] == sum(totals[name] for name in names)
