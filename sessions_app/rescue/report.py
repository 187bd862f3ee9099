"""What a scan found and what adopting does, as JSON: every file and every line accounted for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from uuid import UUID

from sessions_app.rescue.findings import findings_json
from sessions_app.rescue.listed import Listed
from sessions_app.rescue.names import LINED, FileKind, parts_of
from sessions_app.rescue.places import printable
from sessions_app.rescue.plan import Plan
from sessions_app.rescue.points import Point
from sessions_app.rescue.reading import TOO_LONG, line_digest
from sessions_app.rescue.strands import Fate, Strand
from sessions_app.rescue.transcripts import Transcript
from sessions_app.values import Json

OFFSETS_SHOWN = 100
_PARTS = "parts of programs; nothing in it is a conversation"
_NOT_LINED = {
    FileKind.INDEX: "read as the index",
    FileKind.INDEX_BACKUP: "read as an older index",
    FileKind.DATABASE: "read; its parts are listed on their own",
    FileKind.CRON_RUNS: "read for the keys of its sessions",
}


def accounts(plan: Plan, about: Transcript, failed: frozenset[int] = frozenset()) -> Json:
    """The lines of one file: {lines, adopted, duplicate, unreadable, refused, why, unreadableAt}. The parts sum up to `lines`."""
    strands = plan.strands_of(about.file)
    facts, ledger = about.facts, plan.store.ledger
    new = (Fate.NEW, Fate.EXTENDS, Fate.TRACE)
    adopted = sum(strand.new_lines for strand in strands if strand.fate in new and strand.number not in failed)
    lost = sum(strand.new_lines for strand in strands if strand.number in failed)
    has_header = bool(facts.get("hasHeader"))
    main = next((strand for strand in strands if strand.part == "main"), None)
    header_new = has_header and main is not None and main.fate in (Fate.NEW, Fate.TRACE) and main.number not in failed
    lone = plan.lone_headers.get(about.file)
    header_new = header_new or (lone is not None and line_digest(lone) not in plan.known_headers)
    whole = int(facts.get("whole", 0))
    long = ledger.one("SELECT count(*) FROM bad WHERE file = ? AND why = ?", about.file, TOO_LONG)
    refused = {TOO_LONG: long, "empty-line": int(facts.get("blank", 0)), "failed": lost}
    if not strands:
        refused["not-asked-for"] = whole
    adopted += int(header_new)
    duplicate = whole - adopted - lost if strands else 0
    sql = "SELECT offset FROM bad WHERE file = ? AND why <> ? ORDER BY no LIMIT ?"
    return {
        "lines": int(facts.get("lines", 0)),
        "adopted": adopted,
        "duplicate": duplicate,
        "unreadable": int(facts.get("unreadable", 0)) - long,
        "refused": sum(refused.values()),
        "why": {name: count for name, count in refused.items() if count},
        "unreadableAt": [row[0] for row in ledger.rows(sql, about.file, TOO_LONG, OFFSETS_SHOWN)],
    }


def file_rows(plan: Plan, failed: frozenset[int] = frozenset()) -> Iterator[Json]:
    """Every file of the directory, in its order; parts of a database follow it, parts of programs are one row with their number."""
    by_file = {each.file: each for each in plan.transcripts}
    sql = "SELECT id, path, part, agent, kind, size, stamp FROM file WHERE kind <> 'stored' ORDER BY path, id"
    folded = _folded(plan)
    for number, path, part, agent, kind, size, stamp in plan.store.ledger.rows(sql):
        if part == "recovered":
            continue
        if kind == FileKind.OTHER and (folder := parts_of(path)):
            if (sums := folded.pop(folder, None)) is not None:
                yield {"path": folder, "kind": kind, "agent": agent, "size": sums[1], "files": sums[0], "why": _PARTS}
            continue
        row: Json = {"path": path, "kind": kind, "agent": agent, "size": size, "asideAt": stamp}
        about = by_file.get(number)
        if about is not None:
            row |= _transcript_row(plan, about) | {"accounts": accounts(plan, about, failed)}
        else:
            problem = plan.store.ledger.facts("file", number).get("problem")
            row |= {"why": problem or _NOT_LINED.get(FileKind(kind), "holds no conversation")}
            if FileKind(kind) in LINED:
                row["why"] = problem or "empty"
        yield {name: value for name, value in row.items() if value not in (None, "")}


def _folded(plan: Plan) -> dict[str, tuple[int, int]]:
    """Directories of parts of programs: how many files each holds, and how many bytes."""
    found: dict[str, tuple[int, int]] = {}
    for path, size in plan.store.ledger.rows("SELECT path, size FROM file WHERE kind = ?", FileKind.OTHER):
        if folder := parts_of(path):
            files, total = found.get(folder, (0, 0))
            found[folder] = (files + 1, total + size)
    return found


def _transcript_row(plan: Plan, about: Transcript) -> Json:
    facts = plan.store.ledger.facts("file", about.file)
    names = ("messages", "compactions", "firstWords", "lastWords", "startedAt", "lastAt", "hasHeader")
    fates = [str(strand.fate) for strand in plan.strands_of(about.file)]
    return {
        "sessionId": about.session_id,
        "sessionKey": about.key,
        "keyBy": about.key_by,
        "isCurrent": about.is_current,
        "fates": fates,
        **{name: facts.get(name) for name in names},
    }


def key_rows(plan: Plan) -> Iterator[Json]:
    """Sessions by agent and key: [{agent, sessionKey, sessions: [{sessionId, foreignId, kind, isCurrent, entries, …}]}]."""
    by_key: dict[tuple[str, str], dict[UUID | None, Strand]] = defaultdict(dict)
    for strand in plan.strands:
        if strand.is_joined:
            continue  # told with the first slice
        if strand.fate in (Fate.NEW, Fate.EXTENDS) or (strand.fate is Fate.DUPLICATE and strand.stored is not None):
            sessions = by_key[strand.about.agent, strand.key]
            before = sessions.get(strand.session_id)
            if before is None or _weight(strand) > _weight(before):  # a session of which several files are left is one
                sessions[strand.session_id] = strand
    for (agent, key), sessions in sorted(by_key.items()):
        rows = sorted(
            (_session_row(strand) for strand in sessions.values()), key=lambda row: str(row["endedAt"] or "9")
        )
        yield {"agent": agent, "sessionKey": key, "sessions": rows}


def _weight(strand: Strand) -> tuple[bool, bool]:
    return _slices(strand)[-1].is_current, strand.fate is not Fate.DUPLICATE


def _slices(strand: Strand) -> list[Strand]:
    """The slices a session consists of: those that are joined to a strand, or that it goes on from."""
    if strand.head is not None and strand.stored is not None:
        return [strand.head, *strand.head.slices[: strand.turn]]
    return [strand, *strand.joined]


def _session_row(strand: Strand) -> Json:
    slices = _slices(strand)
    about, last = slices[-1].about, slices[-1]
    return {
        "sessionId": str(strand.session_id),
        "foreignId": about.session_id,
        "idKept": strand.kept_id,
        "path": about.path,
        "kind": str(about.kind) if strand.part == "main" else strand.part,
        "isCurrent": last.is_current,
        "fate": str(strand.fate),
        "lines": sum(each.lines for each in slices),
        "newLines": sum(each.new_lines for each in slices),
        "sharedLines": sum(each.skip for each in slices),
        "slices": len(slices),
        "startedAt": None if slices[0].started_at is None else slices[0].started_at.isoformat(),
        "endedAt": None if last.is_current or last.ended_at is None else last.ended_at.isoformat(),
        "endReason": None if last.is_current else last.end_reason,
    }


def report_json(plan: Plan, points: list[Point], failed: frozenset[int] = frozenset()) -> Json:
    """All of it: {root, files, keys, checkpoints, findings, totals, notChosen}. Files, keys and findings lie in the ledger.

    `totals` are the sums over `files`; `notChosen` are those of the refused lines that nobody asked for.
    """
    names = ("lines", "adopted", "duplicate", "unreadable", "refused")
    sums = Counter[str]()

    def counted() -> Iterator[Json]:
        for row in file_rows(plan, failed):
            accounts = row.get("accounts", {})
            sums.update({name: accounts.get(name, 0) for name in names})
            sums["notChosen"] += accounts.get("why", {}).get("not-asked-for", 0)
            sums["bytes"] += row["size"]
            sums["files"] += row.get("files", 1) if "#" not in row["path"] else 0
            yield row

    ledger = plan.store.ledger
    files = Listed(ledger, counted())
    return {
        "root": printable(str(plan.store.root)),
        "totals": {name: sums[name] for name in ("files", "bytes", *names)},
        "notChosen": sums["notChosen"],
        "keys": Listed(ledger, key_rows(plan)),
        "checkpoints": [
            {"checkpointId": str(point.checkpoint_id), "sessionKey": point.key, "label": point.label}
            for point in points
        ],
        "findings": Listed(ledger, findings_json(ledger)),
        "files": files,
    }


def duplicates_noted(plan: Plan) -> None:
    """Findings for files whose content lies elsewhere too."""
    for strand in plan.strands:
        if strand.fate is Fate.DUPLICATE and strand.stored is None and strand.part == "main":
            plan.store.ledger.finding(
                "duplicate", strand.about.path, key=strand.key, session_id=strand.about.session_id
            )
