"""What adopting a store would do: sessions in an order in which parents come first, each with its key, its id and its lines."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from sessions_app.rescue.currents import currents_marked
from sessions_app.rescue.keys import UNFILED, Transcript, transcripts_of
from sessions_app.rescue.names import FileKind, moment
from sessions_app.rescue.scan import Store
from sessions_app.rescue.sharing import Position, Sharing
from sessions_app.rescue.strands import Fate, Stored, Strand

NAMESPACE = uuid.UUID("7c1bd5c0-5a35-5d7a-9a7e-8d0f6b7b1c55")
_ORDER = [FileKind.TRANSCRIPT, FileKind.COLD, FileKind.RESET, FileKind.DELETED, FileKind.BACKUP, FileKind.CHECKPOINT]


@dataclass
class Plan:
    """Strands in the order in which they are adopted, and the trie that says where each line lies."""

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

    def add(self, strand: Strand) -> None:
        """Take a strand whose fate is known."""
        self.strands.append(strand)
        self.numbers[strand.number] = strand
        self.files.setdefault(strand.about.file, []).append(strand)
        if strand.fate in (Fate.NEW, Fate.EXTENDS):
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
) -> Plan:
    """Plan the adoption of a store that was read.

    Args:
        store: from `scan.store_read`; asked once.
        stored: what was adopted earlier, parents first.
        taken: session ids that are used by something else.
        agent: only this one; one that the store does not have is left to the caller.
        key: only this one; under a key that the store does not have everything is filed.
        keys: only these, where any are given.
    """
    transcripts = transcripts_of(store)
    currents_marked(store, transcripts)
    plan = Plan(store, Sharing(store.ledger), transcripts)
    _seeded(plan, stored)
    agents, known = {each.agent for each in transcripts}, {each.key or _unfiled(each) for each in transcripts}
    wanted = [each for each in transcripts if agent not in agents or each.agent == agent]
    wanted = [each for each in wanted if key not in known or (each.key or _unfiled(each)) == key]
    wanted = [each for each in wanted if not keys or (each.key or _unfiled(each)) in keys]
    strands = [strand for each in wanted for strand in _strands_of(store, each)]
    if key and key not in known:
        for strand in strands:
            strand.key, strand.is_current = key, strand.is_current and len(strands) == 1
    strands.sort(key=_turn)
    ids = set(taken) | {each.session_id for each in plan.stored.values() if each.session_id is not None}
    for strand in strands:
        _placed(plan, strand, ids)
        plan.add(strand)
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


def _strands_of(store: Store, about: Transcript) -> list[Strand]:
    counts = dict(store.ledger.rows("SELECT strand, count(*) FROM line WHERE file = ? GROUP BY strand", about.file))
    found = []
    sql = "SELECT id, part, parent_no FROM strand WHERE file = ? ORDER BY id"
    for number, part, parent_no in list(store.ledger.rows(sql, about.file)):
        strand = Strand(number, about, part, counts.get(number, 0), about.key or _unfiled(about), parent_no=parent_no)
        strand.is_current = about.is_current and part == "main" and ":cron:" not in strand.key
        _ended(store, strand)
        found.append(strand)
    return found


def _unfiled(about: Transcript) -> str:
    return f"agent:{about.agent}:{UNFILED}"


def _ended(store: Store, strand: Strand) -> None:
    """Why and when it stepped aside."""
    about = strand.about
    last = moment(about.facts.get("lastAt"))
    strand.end_reason, strand.ended_at = "reset", about.stamp or last
    if strand.part == "stretch":
        strand.ended_at = moment(store.ledger.facts("strand", strand.number).get("endedAt")) or last
    elif strand.part == "branch" or (about.key_by == "checkpoint" and about.kind is FileKind.TRANSCRIPT):
        strand.end_reason = "restore"
    elif about.kind in (FileKind.DELETED, FileKind.COLD):
        strand.end_reason = "deleted" if about.kind is FileKind.DELETED else "idle"


def _turn(strand: Strand) -> tuple[bool, bool, bool, bool, int, int, int]:
    """Sources before forks, whole transcripts before branches, what is current before archives, the longer before the shorter."""
    about = strand.about
    rank = _ORDER.index(about.kind) if about.kind in _ORDER else len(_ORDER)
    is_fork = bool(about.facts.get("parentSession"))
    is_main = strand.part in ("main", "stretch")
    return (not is_main, is_fork, not about.is_current, strand.part == "branch", rank, -strand.lines, strand.number)


def _placed(plan: Plan, strand: Strand, ids: set[UUID]) -> None:
    sharing, about = plan.sharing, strand.about
    start = _parent_position(plan, strand)
    at = sharing.place(strand.number, strand.lines, start)
    strand.skip = sum(piece.lines for piece in sharing.pieces[strand.number])
    strand.new_lines, strand.start = strand.lines - strand.skip, at
    if about.kind is FileKind.TRAJECTORY and strand.part != "recovered":
        strand.fate = Fate.TRACE if strand.new_lines else Fate.DUPLICATE
    elif not strand.lines and not (strand.is_current and about.facts.get("hasHeader")):
        strand.fate = Fate.EMPTY
    elif (same := _begun_before(plan, strand, at)) is not None:
        strand.fate = Fate.EXTENDS if strand.new_lines else Fate.DUPLICATE
        strand.stored, strand.session_id = same.number, same.session_id
    elif strand.new_lines == 0 and not (strand.is_current and not _is_whole(plan, strand, at)):
        strand.fate = Fate.DUPLICATE
    elif strand.new_lines and not strand.is_current and _is_contained(plan, strand):
        strand.fate, strand.new_lines = Fate.DUPLICATE, 0
    else:
        strand.fate = Fate.NEW
    if strand.fate is Fate.NEW:
        _identified(plan, strand, ids)
    if strand.fate in (Fate.NEW, Fate.EXTENDS, Fate.TRACE):
        sharing.own(strand.number, strand.lines, at)


def _parent_position(plan: Plan, strand: Strand) -> Position | None:
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
        if owner.start == at and _is_same(stored, strand.about) and _has_session(stored):
            return stored if strand.part == "main" else None
    return None


def _has_session(earlier: Stored) -> bool:
    return earlier.session_id is not None and not earlier.is_trace


def _is_same(earlier: Stored, about: Transcript) -> bool:
    return (earlier.agent, earlier.foreign_id) == (about.agent, about.session_id)


def _is_whole(plan: Plan, strand: Strand, at: Position | None) -> bool:
    """Whether a current strand without anything new is just what its owner is, end to end."""
    if at is None:
        return False
    owner = plan.numbers.get(at.owner)
    same = owner is not None and owner.about.session_id == strand.about.session_id
    stored = plan.stored.get(at.owner)
    return (same or (stored is not None and _is_same(stored, strand.about))) and at.index == plan.sharing.owners[
        at.owner
    ].lines


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
        wanted = UUID(strand.about.session_id) if strand.part == "main" else None
    first = next(plan.sharing.digests(strand.number, strand.skip), b"").hex()
    seed, step = f"{strand.about.agent}/{strand.about.session_id}/{strand.part}/{first}", 0
    strand.kept_id = wanted is not None and wanted not in ids
    while wanted is None or wanted in ids:
        wanted, step = uuid.uuid5(NAMESPACE, f"{seed}/{step}"), step + 1
    strand.session_id = wanted
    ids.add(wanted)
