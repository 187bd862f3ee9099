"""What a model is shown of a session: whole turns, each answer with its own question, newest first until there is enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from sessions_app.selectors.context_rows import Place, Row, place_read, rows_read
from sessions_app.selectors.summaries import Summary, summary_newest, summary_of
from sessions_app.values import EntryKind, Role

PAGE_ROWS = 200
SUMMARY_PLACE = (0, 0)  # before every turn: positions begin with 1


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """One message for the model."""

    role: Role
    text: str


@dataclass(slots=True)
class _Shown:
    """What is collected, newest entry first.

    Attributes:
        input_seq: position of the user entry that is to be answered.
        last_turn: answers to later turns are not shown.
        summary: stands for all up to its `covers`; None for none so far.
        turns: messages by turn, and 0 for its question or the seq of an answer.
        whole: turns whose newest answer is there from its beginning.
    """

    input_seq: int
    last_turn: int
    summary: Summary | None
    turns: dict[tuple[int, int], ContextEntry] = field(default_factory=dict)
    whole: set[int] = field(default_factory=set)
    size: int = 0

    @property
    def floor(self) -> int:
        """The newest position that need not be read, because the summary stands for it."""
        return self.summary.covers if self.summary else 0

    def add(self, row: Row) -> None:
        """Take an entry, if it is shown."""
        if row.kind == EntryKind.COMPACTION:
            self._summarised(summary_of(row.seq, row.text, row.data))
        place = self._place(row)
        if place is None or (place[1] and place[0] in self.whole):
            return
        self.turns[place] = ContextEntry(Role(row.role or Role.SYSTEM), row.text)
        self.size += len(row.text)
        if place[1] and not row.run_continues:
            self.whole.add(place[0])

    def messages(self) -> list[ContextEntry]:
        """All of them, the summary first."""
        if self.summary:
            self.turns[SUMMARY_PLACE] = ContextEntry(Role.SYSTEM, self.summary.text)
        return [self.turns[place] for place in sorted(self.turns)]

    def lonely(self) -> Iterator[int]:
        """Questions the summary stands for, of answers that came after it was begun: they are shown again."""
        answered = {turn for turn, answer_seq in self.turns if answer_seq}
        return (turn for turn in sorted(answered) if (turn, 0) not in self.turns and turn <= self.floor)

    def _summarised(self, summary: Summary) -> None:
        """A summary was met; the newest that stands for earlier turns only counts."""
        is_newer = self.summary is None or summary.seq > self.summary.seq
        if is_newer and summary.covers < self.input_seq:
            self.summary = summary

    def _place(self, row: Row) -> tuple[int, int] | None:
        """Where an entry stands: its turn, and 0 for the question or its seq for an answer. None: it is not shown."""
        if row.kind != EntryKind.MESSAGE:
            return None
        if row.role == Role.USER:
            is_withdrawn = row.is_withdrawn and row.seq != self.input_seq
            return None if is_withdrawn or row.seq > self.input_seq else (row.seq, 0)
        turn = row.run_input_seq or row.seq
        return (turn, row.seq) if turn <= self.last_turn else None


def context_messages(
    session_id: UUID, input_seq: int, *, max_bytes: int, continues: bool = False, until: int | None = None
) -> tuple[list[ContextEntry], int]:
    """The messages before and including a user entry, oldest first. Three queries, and one for each PAGE_ROWS entries that are shown.

    Messages may have been queued behind a running answer, so an answer can lie after a later question: each is put behind its
    own. Of several attempts the newest answer counts, with the one it continues; withdrawn messages are left out. The newest
    compaction that stands for earlier turns only comes first, in place of all it stands for, which is not read at all.

    Args:
        session_id: the session of the run.
        input_seq: position of the user entry that is to be answered.
        max_bytes: enough is enough; at least one page is read. A compaction is shown however far back it lies.
        continues: the answer to this very entry was cut off and shall go on, so it is shown too.
        until: entries after this position are not read; None for all.

    Returns:
        The messages, and how many older ones were not read.

    Raises:
        ForbiddenError: the session is damaged.
    """
    place = place_read(session_id)
    last = place.last_seq if until is None else min(until, place.last_seq)
    shown = _Shown(input_seq, input_seq if continues else input_seq - 1, summary_newest(session_id, input_seq))
    oldest: Row | None = None
    while last > shown.floor:
        page = rows_read(place, shown.floor + 1, last, PAGE_ROWS)
        for oldest in page:
            if oldest.seq > shown.floor:
                shown.add(oldest)
        last = page[-1].seq - 1
        if shown.size > max_bytes:
            break
    for turn in list(shown.lonely()):
        shown.add(rows_read(place, turn, turn, 1)[0])
    return shown.messages(), _unread(place, oldest, shown.floor) if last > shown.floor else 0


def _unread(place: Place, oldest: Row | None, floor: int) -> int:
    """Messages between what a summary stands for and the oldest entry that was read. A query when there is a summary."""
    if oldest is None:
        return 0
    covered = rows_read(place, floor, floor, 1)[0].message_no if floor else 0
    return oldest.message_no - (oldest.kind == EntryKind.MESSAGE) - covered
