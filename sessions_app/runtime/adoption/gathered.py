"""Short transcripts that share nothing, gathered until they fill a transaction."""

from __future__ import annotations

from dataclasses import dataclass, field

from sessions_app.errors import DrainingError, HoldfastError, StorageUnavailableError
from sessions_app.models import Conversation
from sessions_app.rescue.strands import Fate, Strand
from sessions_app.runtime.adoption.strands import BATCH_MAX_BYTES, StrandWriter
from sessions_app.runtime.pacing import called
from sessions_app.services.adopt_lines import BATCH_MAX_LINES
from sessions_app.services.adopt_whole import sessions_adopt
from sessions_app.values.adoption import WholeSession

_ROWS_BESIDE = 6  # conversation, session, strand, block, two audit rows
_KEYS_AT_ONCE = 500


@dataclass
class Gathered:
    """Strands that wait to be written together.

    Attributes:
        writer: who writes the others, and keeps where each was stored.
        firsts: numbers of the strands whose conversation was made with them.
    """

    writer: StrandWriter
    firsts: set[int] = field(default_factory=set)
    _waiting: list[tuple[Strand, WholeSession]] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0
    _there: set[str] | None = None

    def takes(self, strand: Strand) -> bool:
        """Whether a strand can go with others: new, short, beginning nowhere else, and clear in what it is of its conversation."""
        if strand.fate is not Fate.NEW or strand.start is not None or strand.session_id is None:
            return False
        if strand.skip or strand.slices or strand.new_lines > BATCH_MAX_LINES:
            return False
        return strand.is_current != (self.writer.key(strand) in self._keys())

    @property
    def is_full(self) -> bool:
        """Whether what waits fills a transaction."""
        return self._rows >= self.writer.batch_lines or self._bytes >= BATCH_MAX_BYTES

    def add(self, strand: Strand) -> None:
        """Let a strand wait.

        Raises:
            OSError: its file cannot be read any more.
        """
        writer, key = self.writer, self.writer.key(strand)
        lines = tuple(writer.lines(strand))
        source_id = writer.sources[strand.about.file]
        assert strand.session_id is not None
        words = writer.words(strand) if strand.is_current else {}
        whole = WholeSession(
            key, strand.session_id, source_id, writer.facts(strand), lines, is_first=strand.is_current, **words
        )
        self._keys().add(key)
        self._waiting.append((strand, whole))
        self._rows += len(lines) + _ROWS_BESIDE
        self._bytes += sum(len(line.raw) for line in lines)

    def write(self) -> list[Strand]:
        """Write all that wait.

        Returns:
            Those that must be written alone.

        Raises:
            StorageUnavailableError, DrainingError: it cannot go on now.
        """
        waiting, self._waiting, self._rows, self._bytes = self._waiting, [], 0, 0
        if not waiting:
            return []
        writer = self.writer
        writer.pacing.others_first()
        wholes = [whole for _, whole in waiting]
        try:
            ids = called(writer.actor, sessions_adopt, owner_id=writer.wish.owner_id, sessions=wholes)["strandIds"]
        except (StorageUnavailableError, DrainingError):
            raise
        except HoldfastError:
            ids = [None] * len(waiting)
        lines = 0
        for (strand, whole), strand_id in zip(waiting, ids, strict=True):
            if strand_id is not None:
                writer.placed[strand.number] = (strand_id, 0)
                writer.opened += 1
                lines += len(whole.lines)
                self.firsts |= {strand.number} if whole.is_first else set()
        writer.written(lines)
        return [strand for (strand, _), strand_id in zip(waiting, ids, strict=True) if strand_id is None]

    def _keys(self) -> set[str]:
        """The keys of conversations that are there, or will be when what waits is written. A few queries, once."""
        if self._there is None:
            self._there = set()
            keys = sorted({self.writer.key(strand) for strand in self.writer.plan.strands})
            for begin in range(0, len(keys), _KEYS_AT_ONCE):
                rows = Conversation.objects.filter(key__in=keys[begin : begin + _KEYS_AT_ONCE])
                self._there |= set(rows.values_list("key", flat=True))
        return self._there
