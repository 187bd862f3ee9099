"""Strands of a plan: what each is, and what becomes of it."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from sessions_app.rescue.sharing import Position
from sessions_app.rescue.transcripts import Transcript


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
        kind: of its file when it was the main strand of that, else its part.
    """

    number: int
    session_id: UUID | None
    agent: str
    foreign_id: str
    parent: tuple[int, int] | None
    digests: Iterable[bytes]
    is_trace: bool = False
    kind: str = ""


@dataclass(slots=True)
class Strand:
    """One strand and what becomes of it.

    Attributes:
        head, before: of a slice of a session: the first slice, and the one it goes on from.
        slices: of a first slice: those that go on from it, in order.
        turn: of a slice: the how manieth it is, from 0.
        trace_of: of a trace: the session its lines name.
    """

    number: int
    about: Transcript
    part: str
    lines: int
    key: str = ""
    is_current: bool = False
    parent_no: int | None = None
    started_at: datetime.datetime | None = None
    end_reason: str = "reset"
    ended_at: datetime.datetime | None = None
    fate: Fate = Fate.EMPTY
    start: Position | None = None
    skip: int = 0
    new_lines: int = 0
    session_id: UUID | None = None
    kept_id: bool = True
    stored: int | None = None
    head: Strand | None = field(default=None, repr=False, compare=False)
    before: Strand | None = field(default=None, repr=False, compare=False)
    slices: list[Strand] = field(default_factory=list, repr=False, compare=False)
    turn: int = 0
    trace_of: str = ""

    @property
    def foreign_id(self) -> str:
        """The session it was written for, in the words of its source."""
        return self.trace_of or self.about.session_id

    @property
    def last(self) -> Strand:
        """The slice that its session ends with; itself when it was not sliced."""
        slices = (self.head or self).slices
        return slices[-1] if slices else self

    @property
    def is_joined(self) -> bool:
        """Whether its lines go behind those of the slice before it, into the same session."""
        return self.fate is Fate.EXTENDS and self.stored is None

    @property
    def joined(self) -> list[Strand]:
        """The slices that go into the session it opens, behind it, in order."""
        return list(itertools.takewhile(lambda each: each.is_joined, (self.head or self).slices[self.turn :]))

    @property
    def opener(self) -> Strand:
        """The slice whose session it goes into; itself when it opens one."""
        opener = self
        while opener.is_joined and opener.before is not None:
            opener = opener.before
        return opener
