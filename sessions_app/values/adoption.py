"""Lines of other systems on their way into a session, and how their places are packed."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sessions_app.values.kinds import ConversationKind, EntryKind, Role

PLACE = struct.Struct("<16sQIQ")


@dataclass(slots=True)  # frozen would cost a microsecond each, and there are millions
class AdoptedEntry:
    """What a foreign line says, in our words."""

    kind: EntryKind
    role: Role | None
    text: str
    data: dict[str, Any]
    created_at: datetime.datetime


@dataclass(slots=True)  # frozen would cost a microsecond each, and there are millions
class AdoptedLine:
    """One foreign line: its bytes, where they lay, and the entry it becomes (None: it says nothing to a reader)."""

    raw: bytes
    digest: bytes
    offset: int
    entry: AdoptedEntry | None


@dataclass(frozen=True, slots=True)
class StrandFacts:
    """A strand about to be adopted; columns of `AdoptedStrand`, and of the session it becomes."""

    agent: str
    foreign_id: str
    foreign_key: str
    kind: str
    started_at: datetime.datetime
    ended_at: datetime.datetime | None = None
    end_reason: str = "reset"
    header: bytes | None = None
    is_trace: bool = False
    wants_current: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WholeSession:
    """A short transcript that is adopted in one go, with others: a session that shares its past with none.

    Attributes:
        key: the session key here.
        session_id: which it becomes.
        source_id: the file it comes from.
        strand: what is known of it.
        lines: all of them.
        is_first: its conversation is made with it, and it is the current session of that; else it is an archive.
        title, agent, kind, updated_at: of the conversation that is made.
    """

    key: str
    session_id: UUID
    source_id: int
    strand: StrandFacts
    lines: Sequence[AdoptedLine]
    is_first: bool = False
    title: str = ""
    agent: str = "main"
    kind: ConversationKind = ConversationKind.CHAT
    updated_at: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """A file of a foreign store; columns of `AdoptedSource`, and which strands it holds content of: (strand, fate, lines)."""

    path: str
    kind: str
    agent: str
    size: int
    accounts: dict[str, Any]
    places: tuple[tuple[int, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where an adopted line lay, and the entry it became (0: none)."""

    digest: bytes
    offset: int
    size: int
    seq: int


def places_packed(lines: Sequence[AdoptedLine], seqs: list[int]) -> bytes:
    """The places of a block's lines."""
    pack = PLACE.pack
    return b"".join([pack(line.digest, line.offset, len(line.raw), seq) for line, seq in zip(lines, seqs, strict=True)])


def places_unpacked(packed: bytes) -> Iterator[Place]:
    """The places of a block's lines."""
    return (Place(*values) for values in PLACE.iter_unpack(packed))


@dataclass(frozen=True, slots=True)
class AdoptedPoint:
    """A foreign checkpoint; `facts` keep its summary."""

    checkpoint_id: UUID
    label: str
    is_manual: bool
    created_at: datetime.datetime
    facts: dict[str, Any] = field(default_factory=dict)
