"""Adopting a store that was read: drives the planner and the verbs, a batch of lines a transaction, others first in between.

May be stopped at any moment and run again: what is stored is recognised by its content, and the rest follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sessions_app.errors import (
    ConversationLockedError,
    DrainingError,
    HoldfastError,
    RunInFlightError,
    StorageUnavailableError,
)
from sessions_app.models import AdoptedStrand, Session
from sessions_app.rescue.messages import storable
from sessions_app.rescue.places import printable
from sessions_app.rescue.plan import Plan
from sessions_app.rescue.points import Point
from sessions_app.rescue.report import accounts, report_json
from sessions_app.rescue.scan import Store
from sessions_app.rescue.strands import Fate, Strand
from sessions_app.runtime.adoption.ends import ends_noted
from sessions_app.runtime.adoption.gathered import Gathered
from sessions_app.runtime.adoption.strands import StrandWriter
from sessions_app.runtime.adoption.wish import Wish, key_here, plan_made
from sessions_app.runtime.pacing import called
from sessions_app.selectors.adoption import conversation_used
from sessions_app.services.adopt_lines import sources_note
from sessions_app.services.adopt_marks import adopted_checkpoint_make, adopted_current_make
from sessions_app.values import Actor, Json
from sessions_app.values.adoption import AdoptedPoint, SourceFacts

__all__ = ["Wish", "adopt", "key_here", "plan_made"]

Progress = Callable[[int, int], None]
_SOURCES_AT_ONCE = 100
WAS_ARCHIVE = "It was an archive when it was adopted first, and stays one. Restore it, or adopt again as current (--make-current)."
STAYED = "This conversation has messages here, so it arrived as an archive. Restore it, or adopt again as current (--make-current)."
_KEPT = (Fate.NEW, Fate.EXTENDS, Fate.TRACE)


def _silent(_done: int, _total: int) -> None:
    """Nobody watches."""


def adopt(store: Store, actor: Actor, wish: Wish, progress: Progress = _silent) -> Json:
    """Adopt a store that was just read (it can be planned once).

    Args:
        store: from `rescue.scan.store_read`.
        actor: who is accountable; needs `manage`.
        wish: what is wanted.
        progress: told (lines done, lines in all) after each strand, in long ones after each batch.

    Returns:
        The report of `rescue.report.report_json`, with {made: {sessions, checkpoints}, failed: [{path, why}], current: {key:
        {sessionId, moved}}}.

    Raises:
        StorageUnavailableError, DrainingError: it cannot go on now; run it again later, it continues.
    """
    plan, points = plan_made(store, wish)
    writer = StrandWriter(store, plan, actor, wish)
    return _Run(store, actor, wish, plan, points, writer, Gathered(writer)).go(progress)


@dataclass
class _Run:
    store: Store
    actor: Actor
    wish: Wish
    plan: Plan
    points: list[Point]
    writer: StrandWriter
    gathered: Gathered
    failed: dict[int, str] = field(default_factory=dict)
    checkpoints: int = 0

    def go(self, progress: Progress) -> Json:
        for number, stored in self.plan.stored.items():
            self.writer.placed[number] = (stored.number, 0)
        total = sum(strand.new_lines for strand in self.plan.strands)
        self.writer.told = lambda done: progress(done, total)
        self._sources_noted(is_end=False)
        currents: Json = {}
        for strand in self.plan.strands:
            if strand.fate in _KEPT:
                self._taken(strand)
                progress(self.writer.done, total)
        self._gathered_written()
        for strand in self.plan.strands:
            moved = self._made_current(strand)
            if moved is not None:
                currents[self.writer.key(strand)] = moved
        ends_noted(self.actor, self.plan)
        for point in self.points:
            self._checkpoint(point)
        self._sources_noted(is_end=True)
        report = report_json(self.plan, self.points, frozenset(self.failed))
        paths = {number: strand.about.path for number, strand in self.plan.numbers.items()}
        failed = [{"path": paths[number], "why": why} for number, why in self.failed.items()]
        made = {"sessions": self.writer.opened, "checkpoints": self.checkpoints, "lines": self.writer.done}
        return {**report, "made": made, "current": currents, "failed": failed}

    def _taken(self, strand: Strand) -> None:
        """Short new ones go many at once; before any other all of them are written, because it may begin in one."""
        if not self.gathered.takes(strand):
            self._gathered_written()
            self._guarded(strand)
            return
        try:
            self.gathered.add(strand)
        except (OSError, KeyError) as error:
            self.failed[strand.number] = f"{type(error).__name__}: {error}"[:300]
        if self.gathered.is_full:
            self._gathered_written()

    def _gathered_written(self) -> None:
        for strand in self.gathered.write():
            self._guarded(strand)

    def _guarded(self, strand: Strand) -> None:
        """One strand; what goes wrong with it does not stop the others."""
        try:
            self.writer.write(strand)
        except (StorageUnavailableError, DrainingError):
            raise
        except (HoldfastError, OSError, KeyError) as error:
            self.failed[strand.number] = f"{type(error).__name__}: {error}"[:300]

    def _made_current(self, strand: Strand) -> Json | None:
        """Give a conversation the session it had elsewhere, once that is whole here."""
        if not strand.is_current or strand.number in self.failed or strand.session_id is None:
            return None
        if strand.number in self.gathered.firsts:  # its conversation was made with it
            return {"sessionId": str(strand.session_id), "moved": False}
        rows = AdoptedStrand.objects.filter(session_id=strand.session_id, is_trace=False)
        row = rows.select_related("session__conversation").order_by("-wants_current", "-pk").first()
        if row is None or row.session is None:
            return None
        if (there := row.session.conversation.key) != self.writer.key(strand):
            why = f"It is of {self.writer.key(strand)}, but was adopted under {there} before, and stays there. Restore it there."
            return {"sessionId": str(strand.session_id), "moved": False, "why": why, "sessionKey": there}
        if not (row.wants_current or self.wish.make_current):
            return self._stayed(row.session)
        try:
            moved = called(self.actor, adopted_current_make, strand_id=row.pk, is_asked=self.wish.make_current)
            return moved if moved["moved"] else self._stayed(row.session)
        except ConversationLockedError:
            why = "This conversation is locked. Unlock it and adopt again: then it moves."
            return {"sessionId": str(strand.session_id), "moved": False, "why": why}
        except RunInFlightError as error:
            return {"sessionId": str(strand.session_id), "moved": False, "why": error.message}

    def _stayed(self, session: Session) -> Json:
        """What is told of a session that is not made current: nothing more, when it is."""
        session.conversation.refresh_from_db(fields=["current_session"])
        told = {"sessionId": str(session.pk), "moved": False}
        if session.conversation.current_session_id == session.pk:
            return told
        return {**told, "why": STAYED if conversation_used(session.conversation_id) else WAS_ARCHIVE}

    def _checkpoint(self, point: Point) -> None:
        try:
            strand_id, index = self.writer.spot(point.position)
        except KeyError:
            return
        created = point.created_at or AdoptedStrand.objects.get(pk=strand_id).created_at
        wanted = AdoptedPoint(point.checkpoint_id, point.label, point.is_manual, created, point.facts)
        made = called(self.actor, adopted_checkpoint_make, strand_id=strand_id, index=index, point=wanted)
        self.checkpoints += bool(made["isNew"])

    def _sources_noted(self, *, is_end: bool) -> None:
        chosen = {strand.about.file for strand in self.plan.strands}
        abouts = [each for each in self.plan.transcripts if each.file in chosen]
        sizes = dict(self.store.ledger.rows("SELECT id, size FROM file"))
        for begin in range(0, len(abouts), _SOURCES_AT_ONCE):
            some = abouts[begin : begin + _SOURCES_AT_ONCE]
            facts = []
            for each in some:
                places = self._places(each.file) if is_end else ()
                sums = accounts(self.plan, each, frozenset(self.failed)) if is_end else {}
                if is_end and (header := self.plan.lone_headers.get(each.file)) is not None:
                    sums["header"] = storable(header.decode())
                size = sizes[each.file]
                facts.append(SourceFacts(each.path, str(each.kind), each.agent[:100], size, sums, places))
            label = self.wish.label or printable(str(self.store.root))
            answer = called(self.actor, sources_note, store=label, sources=facts)
            self.writer.sources |= dict(zip([each.file for each in some], answer["sourceIds"], strict=True))

    def _places(self, file: int) -> tuple[tuple[int, str, int], ...]:
        """Adopted strands that hold content of a file: (strand, fate, lines)."""
        found: dict[int, tuple[str, int]] = {}
        for strand in self.plan.strands_of(file):
            for piece in self.plan.sharing.pieces.get(strand.number, ()):
                place = self.writer.placed.get(piece.owner)
                if place is not None:
                    fate = "adopted" if piece.owner == strand.number else "duplicate"
                    before = found.get(place[0], (fate, 0))
                    found[place[0]] = (min(fate, before[0]), before[1] + piece.lines)
        return tuple((strand_id, fate, lines) for strand_id, (fate, lines) in found.items())
