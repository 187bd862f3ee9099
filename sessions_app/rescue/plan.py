"""What adopting a store would do: sessions in an order in which parents come first, each with its key, its id and its lines."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from sessions_app.rescue.choice import wanted
from sessions_app.rescue.currents import currents_marked
from sessions_app.rescue.headers import Headers, headers_apart
from sessions_app.rescue.keys import transcripts_of
from sessions_app.rescue.names import FileKind
from sessions_app.rescue.scan import Store
from sessions_app.rescue.sharing import Position, Sharing
from sessions_app.rescue.slices import slices_joined
from sessions_app.rescue.strands import Fate, Stored, Strand
from sessions_app.rescue.strands_of_file import strands_of, turn_of
from sessions_app.rescue.transcripts import Transcript

NAMESPACE = uuid.UUID("7c1bd5c0-5a35-5d7a-9a7e-8d0f6b7b1c55")


@dataclass
class Plan:
    """Strands in the order in which they are adopted, and the trie that says where each line lies.

    Attributes:
        lone_headers: of files that open no session, by file: headers that differ from those of all that do. They are kept with the file.
        known_headers: digests of those among them that are stored already.
    """

    store: Store
    sharing: Sharing
    transcripts: list[Transcript]
    strands: list[Strand] = field(default_factory=list)
    stored: dict[int, Stored] = field(default_factory=dict)
    numbers: dict[int, Strand] = field(default_factory=dict)
    files: dict[int, list[Strand]] = field(default_factory=dict)
    adopted: set[tuple[str, str]] = field(default_factory=set)
    stored_ids: set[tuple[str, str]] = field(default_factory=set)
    stored_empty: list[int] = field(default_factory=list)
    lone_headers: dict[int, bytes] = field(default_factory=dict)
    known_headers: set[bytes] = field(default_factory=set)

    def add(self, strand: Strand) -> None:
        """Take a strand whose fate is known."""
        self.strands.append(strand)
        self.numbers[strand.number] = strand
        self.files.setdefault(strand.about.file, []).append(strand)
        if strand.fate in (Fate.NEW, Fate.EXTENDS) or strand.stored is not None:
            self.adopted |= {("session", strand.about.session_id), ("key", strand.key)}

    def strands_of(self, file: int) -> list[Strand]:
        """The strands of one file."""
        return self.files.get(file, [])


def planned(
    store: Store,
    stored: Iterable[Stored] = (),
    *,
    taken: Iterable[UUID] = (),
    agent: str = "",
    key: str = "",
    keys: frozenset[str] = frozenset(),
    headers: Headers | None = None,
) -> Plan:
    """Plan the adoption of a store that was read.

    Args:
        store: from `scan.store_read`; asked once.
        stored: what was adopted earlier, parents first.
        taken: session ids that are used by something else.
        agent, key, keys: only these; see `choice.wanted`.
        headers: those that are stored.

    Raises:
        NotFoundError: the store has no such agent or key.
    """
    transcripts = transcripts_of(store)
    currents_marked(store, transcripts)
    plan = Plan(store, Sharing(store.ledger), transcripts)
    _seeded(plan, stored)
    strands = [strand for each in wanted(store, transcripts, agent, key, keys) for strand in strands_of(store, each)]
    slices_joined(store.ledger, strands)
    strands.sort(key=turn_of)
    ids = set(taken) | {each.session_id for each in plan.stored.values() if each.session_id is not None}
    for strand in strands:
        _placed(plan, strand, ids)
        plan.add(strand)
    plan.lone_headers, plan.known_headers = headers_apart(store.ledger, plan.strands, headers or Headers())
    return plan


def _seeded(plan: Plan, stored: Iterable[Stored]) -> None:
    """Earlier adoptions take part in the trie as strands of a file of their own."""
    ledger, numbers = plan.store.ledger, dict[int, int]()
    for each in stored:
        file = ledger.add("file", path="", part="stored", agent=each.agent, kind="stored", facts={})
        strand = ledger.add("strand", file=file, part="stored", facts={})
        rows = ((file, no, 0, 0, strand, digest, None, None) for no, digest in enumerate(each.digests, 1))
        ledger.lines(rows)
        lines = ledger.one("SELECT count(*) FROM line WHERE file = ?", file)
        parent = numbers.get(each.parent[0]) if each.parent else None
        start = plan.sharing.position(parent, each.parent[1]) if parent is not None and each.parent else None
        plan.sharing.own(strand, lines, start)
        numbers[each.number] = strand
        plan.stored[strand] = each
        plan.stored_ids.add((each.agent, each.foreign_id))
        if not lines:
            plan.stored_empty.append(strand)


def _placed(plan: Plan, strand: Strand, ids: set[UUID]) -> None:
    sharing = plan.sharing
    start = _parent_position(plan, strand)
    at = sharing.place(strand.number, strand.lines, start)
    strand.skip = sum(piece.lines for piece in sharing.pieces[strand.number])
    strand.new_lines, strand.start = strand.lines - strand.skip, at
    if not _is_trace(strand) and (same := _begun_before(plan, strand, at)) is not None:
        strand.stored, strand.session_id = same.number, same.session_id
    strand.fate = _fate(plan, strand, at, goes_on=_goes_on(strand, start, at))
    if strand.fate is Fate.DUPLICATE and strand.stored is None:
        strand.new_lines = 0
    if strand.fate is Fate.NEW:
        _identified(plan, strand, ids)
    elif strand.is_joined and strand.before is not None:
        strand.session_id = strand.before.session_id
    if strand.fate in (Fate.NEW, Fate.EXTENDS, Fate.TRACE):
        sharing.own(strand.number, strand.lines, at)


def _fate(plan: Plan, strand: Strand, at: Position | None, *, goes_on: bool) -> Fate:
    """What becomes of a strand whose last shared line lies at a position."""
    about = strand.about
    if _is_trace(strand):
        return Fate.TRACE if strand.new_lines else Fate.DUPLICATE
    if not strand.lines and not (strand.is_current and about.facts.get("hasHeader")):
        return Fate.EMPTY
    if strand.stored is not None or (strand.new_lines and goes_on):
        return Fate.EXTENDS if strand.new_lines else Fate.DUPLICATE
    if strand.part == "recovered" and not strand.skip and _is_known_whole(plan, about):
        return Fate.DUPLICATE
    if strand.new_lines == 0 and not (strand.is_current and not _is_whole(plan, strand, at)):
        return Fate.DUPLICATE
    if strand.new_lines and not strand.is_current and _is_contained(plan, strand):
        return Fate.DUPLICATE
    return Fate.NEW


def _is_trace(strand: Strand) -> bool:
    return strand.about.kind is FileKind.TRAJECTORY and strand.part != "recovered"


def _goes_on(strand: Strand, start: Position | None, at: Position | None) -> bool:
    """Whether a slice goes behind the one before it, which is stored with this plan too."""
    before = strand.before
    return before is not None and before.fate in (Fate.NEW, Fate.EXTENDS) and start is not None and at == start


def _parent_position(plan: Plan, strand: Strand) -> Position | None:
    if strand.before is not None and not plan.sharing.is_begun(strand.number):
        start = plan.sharing.position(strand.before.number, strand.before.lines)
        if start is not None:
            plan.sharing.join(strand.number, start)
        return start
    if strand.parent_no is None:
        return None
    ledger, file = plan.store.ledger, strand.about.file
    parent = ledger.one("SELECT strand FROM line WHERE file = ? AND no = ?", file, strand.parent_no)
    sql = "SELECT count(*) FROM line WHERE file = ? AND strand = ? AND no <= ?"
    return plan.sharing.position(parent, ledger.one(sql, file, parent, strand.parent_no))


def _begun_before(plan: Plan, strand: Strand, at: Position | None) -> Stored | None:
    """The strand adopted earlier that this one goes on from: it ends here, or has no line yet and begins here."""
    earlier = plan.stored.get(at.owner) if at is not None else None
    is_end = at is not None and at.index == plan.sharing.owners[at.owner].lines
    if earlier is not None and is_end and _is_same(earlier, strand.about) and _has_session(earlier):
        return earlier
    for number in plan.stored_empty:
        owner, stored = plan.sharing.owners[number], plan.stored[number]
        if owner.start == at and _is_same(stored, strand.about) and _has_session(stored) and _is_part(stored, strand):
            return stored
    return None


def _is_part(earlier: Stored, strand: Strand) -> bool:
    """Whether both are of the same part of a transcript: an adoption that was killed leaves a branch without its lines."""
    parts = ("branch", "stretch", "recovered", "pending")
    return strand.part == earlier.kind if strand.part in parts else earlier.kind not in parts


def _is_known_whole(plan: Plan, about: Transcript) -> bool:
    """Whether a session whose transcript is gone from the store was adopted when it was there."""
    return bool(about.facts.get("isGone")) and any(
        _is_same(stored, about) and _has_session(stored) for stored in plan.stored.values()
    )


def _has_session(earlier: Stored) -> bool:
    return earlier.session_id is not None and not earlier.is_trace


def _is_same(earlier: Stored, about: Transcript) -> bool:
    return (earlier.agent, earlier.foreign_id) == (about.agent, about.session_id)


def _is_whole(plan: Plan, strand: Strand, at: Position | None) -> bool:
    """Whether a current strand without anything new is just what its owner is, end to end."""
    if at is None:
        return False
    owner = plan.numbers.get(at.owner)
    same = owner is not None and _whose(owner) == _whose(strand)
    stored = plan.stored.get(at.owner)
    return (same or (stored is not None and _is_same(stored, strand.about))) and at.index == plan.sharing.owners[
        at.owner
    ].lines


def _whose(strand: Strand) -> tuple[str, str]:
    return strand.about.agent, strand.about.session_id


def _is_contained(plan: Plan, strand: Strand) -> bool:
    """Whether every line lies in some owner already, though not in one piece."""
    kin = ("session", strand.about.session_id) in plan.adopted or ("key", strand.key) in plan.adopted
    return (kin or (strand.about.agent, strand.about.session_id) in plan.stored_ids) and plan.sharing.unshared(
        strand.number
    ) == 0


def _identified(plan: Plan, strand: Strand, ids: set[UUID]) -> None:
    """The id it had, when that is a uuid and free; else one that a repeat would make again."""
    wanted: UUID | None = None
    with suppress(ValueError):
        is_whole = strand.part == "main" or bool(strand.about.facts.get("isGone"))
        wanted = UUID(strand.about.session_id) if is_whole else None
    first = next(plan.sharing.digests(strand.number, strand.skip), b"").hex()
    seed, step = f"{strand.about.agent}/{strand.about.session_id}/{strand.part}/{first}", 0
    strand.kept_id = wanted is not None and wanted not in ids
    while wanted is None or wanted in ids:
        wanted, step = uuid.uuid5(NAMESPACE, f"{seed}/{step}"), step + 1
    strand.session_id = wanted
    ids.add(wanted)
