"""What a scan found and what adopting does, as JSON: every file and every line accounted for."""

from __future__ import annotations

from collections import defaultdict

from sessions_app.rescue.findings import findings_json
from sessions_app.rescue.keys import Transcript
from sessions_app.rescue.names import LINED, FileKind
from sessions_app.rescue.places import printable
from sessions_app.rescue.plan import Plan
from sessions_app.rescue.points import Point
from sessions_app.rescue.reading import TOO_LONG
from sessions_app.rescue.strands import Fate, Strand
from sessions_app.values import Json

OFFSETS_SHOWN = 100
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


def file_rows(plan: Plan, failed: frozenset[int] = frozenset()) -> list[Json]:
    """Every file of the directory, in its order; parts of a database follow it."""
    by_file = {each.file: each for each in plan.transcripts}
    sql = "SELECT id, path, part, agent, kind, size, stamp FROM file WHERE kind <> 'stored' ORDER BY path, id"
    rows = []
    for number, path, part, agent, kind, size, stamp in list(plan.store.ledger.rows(sql)):
        if part == "recovered":
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
        rows.append({name: value for name, value in row.items() if value not in (None, "")})
    return rows


def _transcript_row(plan: Plan, about: Transcript) -> Json:
    facts = about.facts
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


def key_rows(plan: Plan) -> list[Json]:
    """Sessions by agent and key: [{agent, sessionKey, sessions: [{sessionId, foreignId, kind, isCurrent, entries, …}]}]."""
    by_key: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for strand in plan.strands:
        if strand.fate in (Fate.NEW, Fate.EXTENDS) or (strand.fate is Fate.DUPLICATE and strand.stored is not None):
            by_key[strand.about.agent, strand.key].append(_session_row(strand))
    return [
        {"agent": agent, "sessionKey": key, "sessions": sorted(rows, key=lambda row: str(row["endedAt"] or "9"))}
        for (agent, key), rows in sorted(by_key.items())
    ]


def _session_row(strand: Strand) -> Json:
    about = strand.about
    return {
        "sessionId": str(strand.session_id),
        "foreignId": about.session_id,
        "idKept": strand.kept_id,
        "path": about.path,
        "kind": str(about.kind) if strand.part == "main" else strand.part,
        "isCurrent": strand.is_current,
        "fate": str(strand.fate),
        "lines": strand.lines,
        "newLines": strand.new_lines,
        "sharedLines": strand.skip,
        "startedAt": about.facts.get("startedAt"),
        "endedAt": None if strand.is_current or strand.ended_at is None else strand.ended_at.isoformat(),
        "endReason": None if strand.is_current else strand.end_reason,
    }


def report_json(plan: Plan, points: list[Point], failed: frozenset[int] = frozenset()) -> Json:
    """All of it: {root, files, keys, checkpoints, findings, totals}; `totals` are the sums over `files`."""
    files = file_rows(plan, failed)
    names = ("lines", "adopted", "duplicate", "unreadable", "refused")
    sums = {name: sum(row["accounts"][name] for row in files if "accounts" in row) for name in names}
    findings = findings_json(plan.store.ledger)
    return {
        "root": printable(str(plan.store.root)),
        "totals": {
            "files": sum("#" not in row["path"] for row in files),
            "bytes": sum(row["size"] for row in files),
            **sums,
        },
        "keys": key_rows(plan),
        "checkpoints": [
            {"checkpointId": str(point.checkpoint_id), "sessionKey": point.key, "label": point.label}
            for point in points
        ],
        "findings": findings,
        "files": files,
    }


def duplicates_noted(plan: Plan) -> None:
    """Findings for files whose content lies elsewhere too."""
    for strand in plan.strands:
        if strand.fate is Fate.DUPLICATE and strand.stored is None and strand.part == "main":
            plan.store.ledger.finding(
                "duplicate", strand.about.path, key=strand.key, session_id=strand.about.session_id
            )
