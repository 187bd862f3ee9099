"""Strands of a plan: what each is, and what becomes of it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sessions_app.rescue.keys import Transcript
from sessions_app.rescue.sharing import Position


class Fate(StrEnum):
    """What becomes of a strand."""

    NEW = "new"  # a session of its own, maybe beginning inside another
    EXTENDS = "extends"  # its new lines are appended to a session adopted earlier
    DUPLICATE = "duplicate"  # every line is stored already, or will be by another strand
    TRACE = "trace"  # kept beside a session, no entries
    EMPTY = "empty"  # nothing in it


@dataclass(frozen=True)
class Stored:
    """A strand adopted earlier.

    Attributes:
        number: of its row in Holdfast.
        session_id: the session it lies in.
        agent, foreign_id: whose it was.
        parent: number of the strand it begins in, and behind which of its own lines.
        digests: of its own lines, in order.
        is_trace: kept beside a session.
    """

    number: int
    session_id: UUID | None
    agent: str
    foreign_id: str
    parent: tuple[int, int] | None
    digests: Iterable[bytes]
    is_trace: bool = False


@dataclass
class Strand:
    """One strand and what becomes of it."""

    number: int
    about: Transcript
    part: str
    lines: int
    key: str = ""
    is_current: bool = False
    parent_no: int | None = None
    end_reason: str = "reset"
    ended_at: datetime.datetime | None = None
    fate: Fate = Fate.EMPTY
    start: Position | None = None
    skip: int = 0
    new_lines: int = 0
    session_id: UUID | None = None
    kept_id: bool = True
    stored: int | None = None
