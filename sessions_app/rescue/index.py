"""`sessions.json`: which key names which session. A cut or broken one gives the rows that are whole."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from sessions_app.rescue.messages import storable
from sessions_app.rescue.names import uuid_in
from sessions_app.values import Json

INDEX_MAX_BYTES = 96 << 20
_ROW = re.compile(r'"(?:agent:[^"\n]{1,500}|global|unknown)"\s*:\s*\{')
_SPACE = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an index.

    Attributes:
        agent: whose index.
        key: the session key, as written.
        session_id: the session it says is current.
        base: base name of its transcript; absolute paths are of the machine it was written on.
        is_primary: False for rows of backups and leftovers, which only tell which session had which key.
        entry: the whole row.
        is_of_database: whether it stands in a database of the SQLite era.
        is_older: of a backup or leftover that counts, because nothing newer has rows.
    """

    agent: str
    key: str
    session_id: str
    base: str
    is_primary: bool = True
    entry: Json = field(default_factory=dict)
    is_of_database: bool = False
    is_older: bool = False

    @property
    def is_cron(self) -> bool:
        """Whether a schedule made it."""
        return ":cron:" in self.key

    @property
    def checkpoints(self) -> list[Json]:
        """Its compaction checkpoints, oldest first."""
        found = self.entry.get("compactionCheckpoints")
        return [point for point in found if isinstance(point, dict)] if isinstance(found, list) else []


def index_rows(raw: bytes, agent: str, *, is_primary: bool = True) -> tuple[list[Row], str]:
    """The rows of an index.

    Returns:
        The rows, and the code of what is wrong with it ("" for nothing).
    """
    try:
        text = str(raw, "utf-8-sig")
        problem = ""
    except UnicodeDecodeError:
        text, problem = raw.decode("utf-8", "replace"), "index-unreadable"
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        found = _pairs_that_are_whole(text)
        return [
            _row(agent, *pair, is_primary=is_primary) for pair in found
        ], "index-cut" if found else "index-unreadable"
    if not isinstance(whole, dict):
        return [], "index-unreadable"
    rows = [_row(agent, key, entry, is_primary=is_primary) for key, entry in whole.items() if isinstance(entry, dict)]
    return rows, problem or ("" if len(rows) == len(whole) else "index-row-unreadable")


def _pairs_that_are_whole(text: str) -> list[tuple[str, Json]]:
    """The rows of a broken index: before the break, and behind it from where the next session key begins."""
    decoder = json.JSONDecoder()
    at, pairs = text.find("{") + 1, []
    while at > 0:
        try:
            key, at = decoder.raw_decode(text, _skip(text, at))
            at = _skip(text, at)
            if not isinstance(key, str) or text[at : at + 1] != ":":
                raise ValueError("no row")
            entry, at = decoder.raw_decode(text, _skip(text, at + 1))
        except (ValueError, RecursionError):
            behind = _ROW.search(text, at)
            at = behind.start() if behind else 0
            continue
        if isinstance(entry, dict):
            pairs.append((key, entry))
    return pairs


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _row(agent: str, key: str, entry: Json, *, is_primary: bool) -> Row:
    session_id, file = storable(_text(entry.get("sessionId"))), storable(_text(entry.get("sessionFile")))
    return Row(agent, storable(key), session_id, base_of(file) or session_id, is_primary, entry)


def base_of(file: str) -> str:
    """The base name of a transcript in an absolute path of whichever system; "" for none."""
    return file.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".jsonl")


def leaves_directory(file: str) -> bool:
    """Whether a path climbs."""
    return ".." in file.replace("\\", "/").split("/")


def agent_of(key: str) -> str:
    """The agent a session key names; `main` when it names none."""
    parts = key.split(":")
    return parts[1] if len(parts) > 2 and parts[0] == "agent" and parts[1] else "main"


def short_id(row: Row) -> str:
    """The session's uuid in small letters, or whatever stands there."""
    return uuid_in(row.session_id) or row.session_id


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
