"""Exports: their names and limits, and one part of a session on its way in (docs/export.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

FORMAT, VERSION = "holdfast-sessions", 1
MANIFEST, CONVERSATIONS, AUDIT = "manifest.json", "conversations.jsonl", "audit.jsonl"
PART_MAX_ROWS = 190  # with session, conversation and their like: at most 200 rows a transaction
NAMESPACE = UUID("6f1f2f0e-6d3c-5a52-9f5e-4d1a6d6f7a10")  # of ids that are made because the one there is taken here


@dataclass(frozen=True, slots=True)
class SessionPart:
    """Some rows of an exported session, to be stored in one transaction.

    Attributes:
        session_id: which it becomes here; `source_id` is what it was.
        source_digest: the digest it had in the end.
        parent_id: the session here that it continues.
        facts: its first line.
        after: its last position before this part.
        runs, entries, checkpoints: lines, in order.
        end: its last line, with the last part.
    """

    session_id: UUID
    source_id: UUID
    source_digest: str
    parent_id: UUID | None
    facts: dict[str, Any]
    after: int
    runs: list[dict[str, Any]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] | None = None

    @property
    def is_renamed(self) -> bool:
        """Whether its own id was taken here."""
        return self.session_id != self.source_id


@dataclass(frozen=True, slots=True)
class StrandPart:
    """Some original lines of an adopted session: (bytes, digest, offset, position of its entry) each.

    `number` says which strand of its session it is; `facts` is its first line.
    """

    session_id: UUID
    number: int
    facts: dict[str, Any]
    after: int
    lines: list[tuple[bytes, bytes, int, int]] = field(default_factory=list)
