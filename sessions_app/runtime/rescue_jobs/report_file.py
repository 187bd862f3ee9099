"""A report as two files: `report.json` to download, and `report.sqlite`, which pages read without loading all of it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from sessions_app.rescue.findings import SEVERITY, WORDS
from sessions_app.rescue.ledger import Ledger
from sessions_app.runtime.rescue_jobs.job import json_write
from sessions_app.values import Json

JSON_NAME, PAGES_NAME = "report.json", "report.sqlite"
_TABLES = """
CREATE TABLE fact(name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE file(id INTEGER PRIMARY KEY, path TEXT, kind TEXT, agent TEXT, session_key TEXT, session_id TEXT, is_current INTEGER,
    has_trouble INTEGER, row TEXT);
CREATE INDEX file_kind ON file(kind, id);
CREATE INDEX file_key ON file(session_key, id);
CREATE TABLE skey(id INTEGER PRIMARY KEY, agent TEXT, session_key TEXT, sessions INTEGER, lines INTEGER, new_lines INTEGER,
    current_id TEXT, last_at TEXT);
CREATE TABLE session(id INTEGER PRIMARY KEY, skey INTEGER, session_id TEXT, is_current INTEGER, fate TEXT, row TEXT);
CREATE INDEX session_skey ON session(skey, id);
CREATE TABLE finding(id INTEGER PRIMARY KEY, severity INTEGER, code TEXT, path TEXT, session_key TEXT, session_id TEXT, detail TEXT);
CREATE INDEX finding_worst ON finding(severity, code, id);
"""
_LISTS = ("files", "keys", "findings")


def report_write(folder: Path, report: Json, ledger: Ledger) -> None:
    """Write both files.

    Args:
        folder: of the job.
        report: from `rescue.report.report_json`, or from `adopt`.
        ledger: of the store; has every finding, however many.
    """
    json_write(folder / JSON_NAME, report)
    whole = folder / f"{PAGES_NAME}.new"
    whole.unlink(missing_ok=True)
    database = sqlite3.connect(whole, isolation_level=None)
    try:
        database.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN; {_TABLES}")
        _facts_written(database, report)
        orphans = _orphans(ledger)
        _files_written(database, report, orphans)
        _keys_written(database, report, orphans)
        sql = "SELECT code, path, session_key, session_id, detail FROM finding ORDER BY id"
        rows = ((SEVERITY[code], code, *rest) for code, *rest in ledger.rows(sql))
        database.executemany("INSERT INTO finding VALUES (NULL,?,?,?,?,?,?)", rows)
        database.execute("COMMIT")
    finally:
        database.close()
    whole.replace(folder / PAGES_NAME)


def _facts_written(database: sqlite3.Connection, report: Json) -> None:
    facts = {name: value for name, value in report.items() if name not in _LISTS}
    facts["words"] = WORDS
    database.executemany("INSERT INTO fact VALUES (?,?)", [(name, json.dumps(value)) for name, value in facts.items()])


def _orphans(ledger: Ledger) -> set[str]:
    """Paths of transcripts that no row points to."""
    sql = "SELECT path FROM finding WHERE code IN ('file-without-row', 'left-behind')"
    return {path for (path,) in ledger.rows(sql)}


def _files_written(database: sqlite3.Connection, report: Json, orphans: set[str]) -> None:
    rows = (
        (
            row["path"],
            row["kind"],
            row.get("agent", ""),
            row.get("sessionKey", ""),
            row.get("sessionId", ""),
            bool(row.get("isCurrent")),
            _has_trouble(row.get("accounts", {})),
            json.dumps({**row, "isOrphan": row["path"] in orphans}),
        )
        for row in report["files"]
    )
    database.executemany("INSERT INTO file VALUES (NULL,?,?,?,?,?,?,?,?)", rows)


def _has_trouble(accounts: Json) -> bool:
    """Whether lines of a file were lost to whoever asked for them."""
    refused = accounts.get("refused", 0) - accounts.get("why", {}).get("not-asked-for", 0)
    return bool(accounts.get("unreadable") or refused)


def _keys_written(database: sqlite3.Connection, report: Json, orphans: set[str]) -> None:
    for number, group in enumerate(report["keys"], 1):
        sessions = group["sessions"]
        current = next((row["sessionId"] for row in sessions if row["isCurrent"]), None)
        sums = [sum(row[name] for row in sessions) for name in ("lines", "newLines")]
        times = [row["endedAt"] or row["startedAt"] or "" for row in sessions]
        cells = (number, group["agent"], group["sessionKey"], len(sessions), *sums, current, max(times, default=""))
        database.execute("INSERT INTO skey VALUES (?,?,?,?,?,?,?,?)", cells)
        rows = (
            (
                number,
                row["sessionId"],
                bool(row["isCurrent"]),
                row["fate"],
                json.dumps({**row, "isOrphan": row["path"] in orphans}),
            )
            for row in reversed(sessions)  # they come oldest first, the current one last
        )
        database.executemany("INSERT INTO session VALUES (NULL,?,?,?,?,?)", rows)
