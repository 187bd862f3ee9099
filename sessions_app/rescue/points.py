"""Checkpoints of a store: where each lies in what is adopted, with its summary; those whose record was lost too."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from uuid import UUID

from sessions_app.rescue.index import Row, base_of
from sessions_app.rescue.messages import storable
from sessions_app.rescue.names import UUID_TEXT, moment
from sessions_app.rescue.plan import Plan
from sessions_app.rescue.sharing import Position
from sessions_app.rescue.strands import Fate, Strand
from sessions_app.values import Json

_FACTS = ("reason", "tokensBefore", "tokensAfter", "summary")
LABEL_MAX_CHARS = 200
_UUID = re.compile(UUID_TEXT)


@dataclass(frozen=True, slots=True)
class Point:
    """A checkpoint, behind a line of an owner."""

    checkpoint_id: UUID
    key: str
    position: Position
    label: str
    is_manual: bool
    created_at: datetime.datetime | None
    facts: Json


def points_of(plan: Plan) -> list[Point]:
    """Every checkpoint that can be placed, and findings for those that cannot."""
    files = {
        (strand.about.agent, f"{strand.about.base}.checkpoint.{strand.about.own_id}"): strand
        for strand in plan.strands
        if strand.about.own_id and strand.part == "main"
    }
    there = {(each.agent, f"{each.base}.checkpoint.{each.own_id}") for each in plan.transcripts if each.own_id}
    found: dict[UUID, Point] = {}
    known: set[int] = set()
    for row in plan.store.rows:
        for record in row.checkpoints:
            name = _snapshot(record)
            snapshot = files.get((row.agent, name))
            if name and row.is_primary and (row.agent, name) not in there:
                about = {"key": row.key, "session_id": str(record.get("sessionId") or "")[:100]}
                plan.store.ledger.finding("checkpoint-snapshot-missing", detail=name, **about)
            if snapshot is not None:
                known.add(snapshot.number)
            point = _recorded(plan, row, record, snapshot)
            if point is not None:
                found.setdefault(point.checkpoint_id, point)
    for strand in files.values():
        if strand.number not in known:
            point = _lost(plan, strand)
            if point is not None:
                found.setdefault(point.checkpoint_id, point)
    return list(found.values())


def _recorded(plan: Plan, row: Row, record: Json, snapshot: Strand | None) -> Point | None:
    try:
        checkpoint_id = UUID(str(record.get("checkpointId")))
    except ValueError:
        return None
    position = plan.sharing.position(snapshot.number, snapshot.lines) if snapshot is not None else None
    position = position or _by_leaf(plan, record)
    if position is None:
        return None
    facts = {name: record[name] for name in _FACTS if isinstance(record.get(name), str | int)}
    facts["summary"] = storable(str(facts.get("summary", "")))[:100_000]
    label = _label(facts["summary"], storable(str(facts.get("reason", "")))[:40])
    is_manual = facts.get("reason") == "manual"
    return Point(checkpoint_id, row.key, position, label, is_manual, moment(record.get("createdAt")), facts)


def _lost(plan: Plan, strand: Strand) -> Point | None:
    """A snapshot that no row knows: the metadata is made again from the file."""
    about = strand.about
    plan.store.ledger.finding("checkpoint-metadata-lost", about.path, key=about.key, session_id=about.session_id)
    position = plan.sharing.position(strand.number, strand.lines)
    if position is None or not _UUID.fullmatch(about.own_id):
        return None
    made = moment(about.facts.get("lastAt"))
    return Point(UUID(about.own_id), strand.key, position, "Found as a snapshot without a record", False, made, {})


def _snapshot(record: Json) -> str:
    before = record.get("preCompaction")
    file = before.get("sessionFile") if isinstance(before, dict) else None
    base, mark, own_id = base_of(file if isinstance(file, str) else "").partition(".checkpoint.")
    return f"{base}{mark}{own_id.lower()}"


def _by_leaf(plan: Plan, record: Json) -> Position | None:
    """The line a checkpoint names as its leaf, in a transcript of its session."""
    before = record.get("preCompaction")
    leaf = before.get("leafId") if isinstance(before, dict) else None
    ledger, session_id = plan.store.ledger, str(record.get("sessionId"))
    for strand in plan.strands:
        if strand.about.session_id != session_id or strand.fate not in (Fate.NEW, Fate.EXTENDS, Fate.DUPLICATE):
            continue
        sql = "SELECT no FROM line WHERE file = ? AND strand = ? AND eid = ?"
        no = ledger.one(sql, strand.about.file, strand.number, leaf) if isinstance(leaf, str) else None
        if no is not None:
            sql = "SELECT count(*) FROM line WHERE file = ? AND strand = ? AND no <= ?"
            position = plan.sharing.position(strand.number, ledger.one(sql, strand.about.file, strand.number, no))
            if position is not None:
                return position
    return None


def _label(summary: str, reason: str) -> str:
    lines = [line.strip() for line in summary.splitlines()]
    words = next((line for line in lines if line and not line.startswith("#")), "")
    head = f"Before compaction ({reason})" if reason else "Before compaction"
    return f"{head}: {words}"[:LABEL_MAX_CHARS].rstrip(": ")
