"""A package into this place: what the plan says, a part a transaction, others first in between. Run again, it goes on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sessions_app.canonical import canonical, digest
from sessions_app.errors import DrainingError, HoldfastError, InvalidParamsError, StorageUnavailableError
from sessions_app.runtime.transfer.pace import Pace
from sessions_app.runtime.transfer.planning import Fate, Plan, Planned
from sessions_app.runtime.transfer.reading import Opened
from sessions_app.services.import_originals import strand_import, strand_join
from sessions_app.services.import_rows import session_import
from sessions_app.services.imports import audit_import, imported_conversation_open, imported_current_make
from sessions_app.values import Actor, Json
from sessions_app.values.transfer import AUDIT, SessionPart, StrandPart

Progress = Callable[[int, int], None]
_PART_MAX_BYTES = 1 << 20


@dataclass
class Giving:
    """One import.

    Attributes:
        package: what is imported; `plan` is what becomes of it.
        owner_id: whose the conversations of owners become that nobody knows here.
        progress: told (entries done, entries in all).
    """

    package: Opened
    plan: Plan
    actor: Actor
    owner_id: int
    progress: Progress = field(default=lambda _done, _total: None)
    failed: list[Json] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)
    _done: int = 0

    def __post_init__(self) -> None:
        self._pace, self._ids = Pace(self.actor), self.plan.ids()
        self._open: dict[str, Json] = {}
        self._lost: set[UUID] = set()
        self._total = sum(each.facts["lastSeq"] - each.facts["parentSeq"] for each in self.plan.sessions)

    def go(self) -> Json:
        """Write everything.

        Returns:
            {failed: [{sessionId, why}], archived: [keys whose imported sessions are archives], auditEvents: {new, there, broken}}.

        Raises:
            StorageUnavailableError, DrainingError: it cannot go on now; run it again later, it continues.
        """
        for planned in self.plan.sessions:
            self._guarded(planned)
        for key in sorted(set(self._open) | self.plan.pending):
            current = self._ids.get(self.plan.conversations[key]["current"] or "")
            moved = self._pace.call(imported_current_make, key=key, current=current)
            if moved["isArchived"]:
                self.archived.append(key)
        originals = [each for each in self.plan.sessions if self.package.has(f"originals/{each.source_id}.jsonl")]
        for planned in originals:
            if planned.session_id not in self._lost:
                self._originals(planned)
        for planned in originals:
            if planned.session_id not in self._lost:
                self._joined(planned)
        return {"failed": self.failed, "archived": sorted(self.archived), "auditEvents": self._audit()}

    def _guarded(self, planned: Planned) -> None:
        """One session; what goes wrong with it stops no other but those that continue it."""
        parent = planned.facts["parent"]
        try:
            if parent is not None and self._ids[parent] in self._lost:
                raise InvalidParamsError(f"What it continues, {parent}, could not be imported.")
            self._session(planned)
        except (StorageUnavailableError, DrainingError):
            raise
        except HoldfastError as error:
            self._lost.add(planned.session_id)
            self.failed.append({"sessionId": str(planned.source_id), "why": error.message})
        self._done += planned.facts["lastSeq"] - planned.facts["parentSeq"]
        self.progress(self._done, self._total)

    def _session(self, planned: Planned) -> None:
        lines = self.package.lines(f"sessions/{planned.source_id}.jsonl")
        facts = next(lines, {})
        if facts.get("id") != str(planned.source_id) or facts.get("key") != planned.facts["key"]:
            raise InvalidParamsError(f"sessions/{planned.source_id}.jsonl does not begin with its session.")
        if planned.fate is Fate.THERE:
            marks = [line for line in lines if line.get("type") == "checkpoint"]
            if marks and planned.session_id == planned.source_id:
                self._pace.call(session_import, part=self._part(planned, facts, -1, checkpoints=marks))
            return
        self._conversation(planned)
        state = self._pace.call(session_import, part=self._part(planned, facts, -1))
        after, done, begun = int(state["lastSeq"]), self._done, planned.facts["parentSeq"]
        for batch in self._batches(lines, after):
            wanted = self._part(planned, facts, after, **batch)
            after = int(self._pace.call(session_import, part=wanted)["lastSeq"])
            self.progress(done + after - begun, self._total)

    def _part(self, planned: Planned, facts: Json, after: int, **rows: Any) -> SessionPart:
        parent = planned.facts["parent"]
        return SessionPart(
            planned.session_id,
            planned.source_id,
            planned.facts["digest"],
            self._ids[parent] if parent is not None else None,
            facts,
            after,
            **rows,
        )

    def _conversation(self, planned: Planned) -> None:
        """Make sure that the conversation of a session is there, before its first one."""
        key = planned.facts["key"]
        if key in self._open:
            return
        facts = self.plan.conversations.get(key)
        if facts is None:
            raise InvalidParamsError(f"The export says nothing of the conversation {key[:80]}.")
        current = self._ids.get(facts["current"] or "")
        owner_id = self.plan.owners.get(facts["owner"], self.owner_id)
        is_first = current == planned.session_id
        self._open[key] = self._pace.call(
            imported_conversation_open, facts=facts, owner_id=owner_id, current=current, is_first=is_first
        )

    def _batches(self, lines: Iterator[Json], after: int) -> Iterator[dict[str, Any]]:
        """Parts of a session's lines; entries up to `after` are there already."""
        batch: dict[str, Any] = {"runs": [], "entries": [], "checkpoints": []}
        rows = size = 0
        for line in lines:
            kind = line.get("type")
            if kind == "end":
                yield {**batch, "end": line}
                return
            name = {"run": "runs", "entry": "entries", "checkpoint": "checkpoints"}.get(str(kind))
            if name is None:
                raise InvalidParamsError(f"An export has no lines of the type {str(kind)[:40]}.")
            if name == "entries":
                if line.get("seq", 0) <= after:
                    continue
                size += len(line.get("text", ""))
            batch[name].append(line)
            rows += 1
            if rows >= self._pace.part_rows or size >= _PART_MAX_BYTES:
                yield batch
                batch, rows, size = {"runs": [], "entries": [], "checkpoints": []}, 0, 0
        raise InvalidParamsError("The session has no end in the export.")

    def _originals(self, planned: Planned) -> None:
        """The original lines of an adopted session; those that are there are left out."""
        number, facts, after, waiting = -1, Json(), 0, list[tuple[bytes, bytes, int, int]]()

        def given(count: int) -> None:
            nonlocal after, waiting
            if number >= 0 and len(waiting) >= count:
                part = StrandPart(planned.session_id, number, facts, after, waiting)
                self._pace.call(strand_import, part=part)
                after, waiting = after + len(waiting), []

        for line in self.package.lines(f"originals/{planned.source_id}.jsonl"):
            if line.get("type") == "strand":
                given(0)
                number, facts, after = number + 1, {**line, "header": _raw(line["header"])}, 0
            else:
                raw = _raw(line)
                assert raw is not None
                link = bytes.fromhex(line["digest"]) if "digest" in line else blake2b(raw, digest_size=16).digest()
                waiting.append((raw, link, line["at"], line["seq"]))
                given(PART_LINES)
        given(0)

    def _joined(self, planned: Planned) -> None:
        """Say of each strand which one it goes on from, now that all are there."""
        strands = [row for row in self.package.lines(f"originals/{planned.source_id}.jsonl") if row["type"] == "strand"]
        for number, row in enumerate(strands):
            if row["parent"] is not None and row["parent"][0] in self._ids:
                parent = (self._ids[row["parent"][0]], int(row["parent"][1]))
                self._pace.call(strand_join, session_id=planned.session_id, number=number, parent=parent)

    def _audit(self) -> Json:
        """The audit events, as they were; those whose own hash does not fit are counted, and kept as well."""
        sums, waiting, broken = {"new": 0, "there": 0}, list[Json](), 0
        for line in self.package.lines(AUDIT):
            body = {name: value for name, value in line.items() if name != "hash"}
            broken += digest(body) != line.get("hash")
            waiting.append(self._event(line))
            if len(waiting) >= PART_LINES:
                self._audit_part(waiting, sums)
                waiting = []
        self._audit_part(waiting, sums)
        return {**sums, "broken": broken}

    def _audit_part(self, rows: list[Json], sums: dict[str, int]) -> None:
        if rows:
            new = int(self._pace.call(audit_import, rows=rows)["new"])
            sums["new"] += new
            sums["there"] += len(rows) - new

    def _event(self, line: Json) -> Json:
        ids = {
            name: self._ids.get(str(line.get(name))) or line.get(name) for name in ("old_session_id", "new_session_id")
        }
        return {"hash": line.get("hash"), "session_key": line.get("session_key"), "line": canonical(line), **ids}


PART_LINES = 190


def _raw(row: Json | None) -> bytes | None:
    if row is None:
        return None
    try:
        return str(row["raw"]).encode() if "raw" in row else base64.b64decode(row["base64"], validate=True)
    except (KeyError, binascii.Error, UnicodeEncodeError) as error:
        raise InvalidParamsError("An original line in the export cannot be read.") from error
