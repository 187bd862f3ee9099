"""One strand of a plan into the database: its conversation, its session, its lines, with a pause after each batch."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone

from sessions_app.models import AdoptedStrand
from sessions_app.rescue.entries import adopted_lines
from sessions_app.rescue.index import Row
from sessions_app.rescue.names import moment, uuid_in
from sessions_app.rescue.plan import NAMESPACE, Plan
from sessions_app.rescue.scan import Store
from sessions_app.rescue.sharing import Position
from sessions_app.rescue.strands import Fate, Strand
from sessions_app.runtime.adoption.wish import Wish, key_here
from sessions_app.runtime.pacing import Pacing, called
from sessions_app.services.adopt import adopted_conversation_open, adopted_strand_open
from sessions_app.services.adopt_lines import BATCH_MAX_LINES, lines_adopt, lines_prepared
from sessions_app.values import TITLE_MAX_CHARS, Actor, ConversationKind, Json
from sessions_app.values.adoption import AdoptedLine, StrandFacts

BATCH_ALONE_LINES = 2000
BATCH_MAX_BYTES = 2 << 20


@dataclass
class StrandWriter:
    """Writes strands; remembers where each was stored.

    Attributes:
        sources: rows of the files, by their number in the ledger.
        placed: where the lines of an owner begin: (adopted strand, lines before).
        done: lines written.
        opened: sessions made.
        told: how many lines are written, after each batch.
        keys: conversations that are there, by key: what `adopted_conversation_open` said.
    """

    store: Store
    plan: Plan
    actor: Actor
    wish: Wish
    sources: dict[int, int] = field(default_factory=dict)
    placed: dict[int, tuple[int, int]] = field(default_factory=dict)
    done: int = 0
    opened: int = 0
    told: Callable[[int], None] = field(default=lambda _done: None)
    keys: dict[str, Json] = field(default_factory=dict)
    _rows_by_key: dict[str, Row] = field(default_factory=dict)
    _currents: dict[str, Strand] | None = None
    pacing: Pacing = field(default_factory=Pacing)

    def key(self, strand: Strand) -> str:
        """The session key a strand has here."""
        return key_here(strand.key, strand.about.agent)

    def words(self, strand: Strand) -> Json:
        """What the conversation of a strand is called and is, when it is made."""
        key, row = self.key(strand), self._rows().get(strand.key)
        entry = row.entry if row is not None else {}
        title = str(entry.get("label") or entry.get("displayName") or "")
        title = " ".join(title.encode("utf-8", "replace").decode().replace("\x00", "").split())[:TITLE_MAX_CHARS]
        kind = ConversationKind.CRON if ":cron:" in key else ConversationKind.CHAT
        kind = ConversationKind.IMPORT if key.endswith(":unfiled") else kind
        updated_at = moment(entry.get("updatedAt")) or moment(strand.about.facts.get("lastAt"))
        return {"title": title, "agent": key.split(":")[1], "kind": kind, "updated_at": updated_at}

    def _rows(self) -> dict[str, Row]:
        if not self._rows_by_key:
            rows = reversed([row for row in self.store.rows if row.is_primary])
            self._rows_by_key = {row.key: row for row in rows}
        return self._rows_by_key

    def _current(self, key: str) -> Strand | None:
        """The strand that is current under a key here; of several the first."""
        if self._currents is None:
            self._currents = {}
            for strand in self.plan.strands:
                if strand.is_current:
                    self._currents.setdefault(self.key(strand), strand)
        return self._currents.get(key)

    def _conversation(self, strand: Strand) -> Json:
        key = self.key(strand)
        if key not in self.keys:
            current = self._current(key)
            current = current and current.opener
            is_new_current = current is not None and current.fate is Fate.NEW
            self.keys[key] = called(
                self.actor,
                adopted_conversation_open,
                key=key,
                owner_id=self.wish.owner_id,
                first_session_id=current.session_id if current is not None and is_new_current else None,
                **self.words(strand),
            )
        return self.keys[key]

    def write(self, strand: Strand) -> None:
        """Store a strand's new lines.

        Raises:
            KeyError: a strand it begins in could not be stored.
            HoldfastError, OSError: it was refused, or its file cannot be read any more.
        """
        conversation = self._conversation(strand)
        base = 0
        if strand.fate is Fate.EXTENDS and strand.stored is not None and self._may_extend(strand.stored):
            row = AdoptedStrand.objects.get(pk=strand.stored)
            strand_id, base = row.pk, row.lines
        elif strand.is_joined and strand.before is not None:
            row = AdoptedStrand.objects.get(pk=self.placed[strand.before.number][0])
            strand_id, base, strand.session_id = row.pk, row.lines, row.session_id
        else:
            strand_id = self._opened(strand, conversation)
        self.placed[strand.number] = (strand_id, base)
        first = base + 1
        tip: Json | None = None
        for batch in self._batches(self.lines(strand)):
            ready = lines_prepared(tip, batch) if tip is not None else None
            self.pacing.others_first()
            tip = called(self.actor, lines_adopt, strand_id=strand_id, first=first, lines=batch, ready=ready)
            first += len(batch)
            self.written(len(batch))
            self.told(self.done)

    def lines(self, strand: Strand) -> Iterator[AdoptedLine]:
        """The new lines of a strand, read again from where they lie.

        Raises:
            OSError: its file cannot be read any more, or changed.
        """
        source = self.store.ledger.one("SELECT place FROM file WHERE id = ?", strand.about.file)
        started = strand.started_at or timezone.now()
        return adopted_lines(self.store.ledger, strand, source, started, is_trace=strand.fate is Fate.TRACE)

    def _may_extend(self, stored: int) -> bool:
        """Whether nobody said anything in the session since its newest adopted line."""
        row = AdoptedStrand.objects.select_related("session").get(pk=stored)
        return row.is_trace or (row.session is not None and row.session.messages == row.messages)

    def _opened(self, strand: Strand, conversation: Json) -> int:
        about, is_trace = strand.about, strand.fate is Fate.TRACE
        parent_id, parent_index = self._parent(strand)
        session_id = self._beside(strand) if is_trace else self._own_id(strand)
        wants = [strand, *strand.joined][-1].is_current and (conversation["isUnused"] or self.wish.make_current)
        facts = self.facts(strand, wants_current=wants)
        opened = called(
            self.actor,
            adopted_strand_open,
            key=self.key(strand),
            session_id=session_id,
            source_id=self.sources[about.file],
            strand=facts,
            parent_id=parent_id,
            parent_index=parent_index,
        )
        self.opened += not is_trace
        return int(opened["strandId"])

    def facts(self, strand: Strand, *, wants_current: bool = False) -> StrandFacts:
        """What is written down of a strand."""
        is_main, last = strand.part == "main", [strand, *strand.joined][-1]
        about = last.about
        return StrandFacts(
            agent=about.agent[:100],
            foreign_id=last.foreign_id[:100],
            foreign_key=strand.key.encode("utf-8", "replace").decode().replace("\x00", "")[:500],
            kind=str(about.kind) if is_main else strand.part,
            started_at=strand.started_at or last.ended_at or timezone.now(),
            ended_at=last.ended_at,
            end_reason=last.end_reason,
            header=self.store.ledger.one("SELECT header FROM file WHERE id = ?", strand.about.file)
            if is_main
            else None,
            is_trace=strand.fate is Fate.TRACE,
            wants_current=wants_current,
            facts={"keyBy": about.key_by, "idKept": strand.kept_id, "path": about.path[-300:]},
        )

    def _own_id(self, strand: Strand) -> UUID:
        """The id that was planned; another when the session it should go on in went on without it."""
        if strand.fate is Fate.NEW and strand.session_id is not None:
            return strand.session_id
        first = next(self.plan.sharing.digests(strand.number, strand.skip), b"").hex()
        strand.kept_id, strand.session_id = False, uuid.uuid5(NAMESPACE, f"{strand.session_id}/{first}")
        return strand.session_id

    def _parent(self, strand: Strand) -> tuple[int | None, int]:
        if strand.start is None:
            return None, 0
        return self.spot(strand.start)

    def spot(self, position: Position) -> tuple[int, int]:
        """Adopted strand and line of a position in the plan.

        Raises:
            KeyError: its owner could not be stored.
        """
        strand_id, before = self.placed[position.owner]
        return strand_id, before + position.index

    def _beside(self, trace: Strand) -> UUID | None:
        """The session a trace lies beside: of its own foreign id, the one that kept it first; else that of its file's name."""
        kin = AdoptedStrand.objects.filter(agent=trace.about.agent[:100], is_trace=False).order_by("pk")
        for name in (trace.foreign_id[:100], uuid_in(trace.about.base)):
            found = kin.filter(foreign_id=name).values_list("session_id", flat=True).first() if name else None
            if found is not None:
                return found
        return None

    @property
    def batch_lines(self) -> int:
        """How many lines go into one transaction: few while a server serves beside, so that others need not wait."""
        return BATCH_MAX_LINES if self.pacing.is_serving else BATCH_ALONE_LINES

    def written(self, lines: int) -> None:
        """Count lines that were just stored."""
        self.done += lines
        self.pacing.written()

    def _batches(self, lines: Iterable[AdoptedLine]) -> Iterator[list[AdoptedLine]]:
        batch: list[AdoptedLine] = []
        size = 0
        for line in lines:
            batch.append(line)
            size += len(line.raw)
            if len(batch) >= self.batch_lines or size >= BATCH_MAX_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch
