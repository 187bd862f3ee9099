"""A report, a page at a time: what stands in `report.sqlite` of a job. Lists go on after a row's number."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sessions_app.errors import NotFoundError
from sessions_app.rescue.findings import WORDS
from sessions_app.runtime.rescue_jobs.job import Job
from sessions_app.runtime.rescue_jobs.report_file import PAGES_NAME
from sessions_app.selectors.wire import cursor_read, cursor_write
from sessions_app.values import Json

PAGE_ROWS = 50
SESSIONS_SHOWN = 12


@contextmanager
def _opened(job: Job) -> Iterator[sqlite3.Connection]:
    path = job.folder / PAGES_NAME
    if not path.exists():
        raise NotFoundError("There is no report of this job.", jobId=str(job.id))
    database = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        yield database
    finally:
        database.close()


def has_report(job: Job) -> bool:
    """Whether a job has one."""
    return (job.folder / PAGES_NAME).exists()


def report_overview(job: Job) -> Json:
    """What is there and what is wrong, in numbers.

    Returns:
        {root, totals, checkpoints, …, kinds: [{kind, files, isCurrent}], findings: [{code, words, severity, count, where}], findingCount, keys,
        sessions, fates: {fate: sessions}}.
    """
    with _opened(job) as database:
        facts = {name: json.loads(value) for name, value in database.execute("SELECT name, value FROM fact")}
        kinds = database.execute("SELECT kind, count(*) FROM file WHERE path NOT LIKE '%#%' GROUP BY kind").fetchall()
        current = database.execute("SELECT count(*) FROM session WHERE is_current").fetchone()[0]
        sql = "SELECT severity, code, count(*), min(path), min(session_key) FROM finding GROUP BY severity, code ORDER BY severity, code"
        findings = [
            {"severity": str(severity), "code": code, "words": WORDS.get(code, code), "count": n, "where": path or key}
            for severity, code, n, path, key in database.execute(sql)
        ]
        fates = dict(database.execute("SELECT fate, count(*) FROM session GROUP BY fate"))
        keys = database.execute("SELECT count(*) FROM skey").fetchone()[0]
        agents = [row[0] for row in database.execute("SELECT DISTINCT agent FROM skey ORDER BY agent")]
    facts.pop("words", None)
    sums = {"keys": keys, "agents": agents, "sessions": sum(fates.values()), "fates": fates, "currentCount": current}
    return {
        **facts,
        **sums,
        "kinds": dict(kinds),
        "findings": findings,
        "findingCount": sum(row["count"] for row in findings),
    }


def report_files(job: Job, *, given: Json, cursor: str = "") -> Json:
    """Files in the order of the directory.

    Args:
        job: with a report.
        given: filters: kind, agent, key, q (in path or session id), trouble.
        cursor: of the page before.

    Returns:
        {files: [row of the report], nextCursor}.
    """
    names = {"kind": "kind = ?", "agent": "agent = ?", "key": "session_key = ?"}
    where = [(clause, [given[name]]) for name, clause in names.items() if given.get(name)]
    if given.get("q"):
        where.append(("(instr(lower(path), lower(?)) OR session_id = lower(?))", [given["q"], given["q"]]))
    if given.get("trouble"):
        where.append(("has_trouble", []))
    with _opened(job) as database:
        rows, following = _page(database, "file", "row", where, cursor)
    return {"files": [json.loads(row[1]) for row in rows], "nextCursor": following}


def report_findings(job: Job, *, given: Json, cursor: str = "") -> Json:
    """Findings, the worst first.

    Args:
        job: with a report.
        given: filters: code, key, q (in path, key, session id or detail).
        cursor: of the page before.

    Returns:
        {findings: [{severity, code, words, path, sessionKey, sessionId, detail}], nextCursor}.
    """
    where: list[tuple[str, list[Any]]] = []
    for name, clause in {"code": "code = ?", "key": "session_key = ?"}.items():
        if given.get(name):
            where.append((clause, [given[name]]))
    if given.get("q"):
        clause = "instr(lower(path || ' ' || session_key || ' ' || session_id || ' ' || detail), lower(?))"
        where.append((clause, [given["q"]]))
    after = cursor_read(cursor, 3)
    if after:
        where.append(("(severity, code, id) > (?, ?, ?)", [int(after[0]), after[1], int(after[2])]))
    clauses = " AND ".join(clause for clause, _ in where) or "TRUE"
    values = [value for _, some in where for value in some]
    columns = "id, severity, code, path, session_key, session_id, detail"
    sql = f"SELECT {columns} FROM finding WHERE {clauses} ORDER BY severity, code, id LIMIT ?"  # noqa: S608 - ours
    with _opened(job) as database:
        rows = database.execute(sql, [*values, PAGE_ROWS + 1]).fetchall()
    last = rows[PAGE_ROWS - 1] if len(rows) > PAGE_ROWS else None
    following = cursor_write(last[1], last[2], last[0]) if last else None
    names = ("severity", "code", "path", "sessionKey", "sessionId", "detail")
    found = [dict(zip(names, row[1:], strict=True)) for row in rows[:PAGE_ROWS]]
    found = [{**row, "severity": str(row["severity"]), "words": WORDS.get(row["code"], row["code"])} for row in found]
    return {"findings": found, "nextCursor": following}


def report_keys(job: Job, *, given: Json, cursor: str = "") -> Json:
    """Session keys with their sessions, current first, then the newest.

    Args:
        job: with a report.
        given: filters: agent, key, q (in the key).
        cursor: of the page before.

    Returns:
        {keys: [{agent, sessionKey, count, lines, newLines, lastAt, sessions: [row of the report], more}], nextCursor}.
    """
    where: list[tuple[str, list[Any]]] = []
    for name, clause in {"agent": "agent = ?", "key": "session_key = ?", "q": "instr(session_key, lower(?))"}.items():
        if given.get(name):
            where.append((clause, [given[name]]))
    shown = -1 if given.get("key") else SESSIONS_SHOWN
    with _opened(job) as database:
        columns = "agent, session_key, sessions, lines, new_lines, last_at"
        rows, following = _page(database, "skey", columns, where, cursor)
        found = []
        for number, agent, key, count, lines, new_lines, last_at in rows:
            sql = "SELECT row FROM session WHERE skey = ? ORDER BY id LIMIT ?"
            sessions = [json.loads(row[0]) for row in database.execute(sql, [number, shown])]
            sums = {"count": count, "lines": lines, "newLines": new_lines, "lastAt": last_at}
            group = {"agent": agent, "sessionKey": key, **sums, "sessions": sessions}
            found.append({**group, "more": count - len(sessions)})
    return {"keys": found, "nextCursor": following}


def keys_chosen(job: Job, *, keys: list[str], agent: str = "") -> Json:
    """What adopting some keys would bring; no keys is all of them.

    Returns:
        {keys: [{agent, sessionKey, sessions, newLines, currentId}] (the first hundred), count, sessions, lines, newLines, fates}.
    """
    marks = ",".join("?" * len(keys))
    where = f"session_key IN ({marks})" if keys else "TRUE"
    values: list[Any] = [*keys, agent, agent]
    with _opened(job) as database:
        clause = f"{where} AND (? = '' OR agent = ?)"
        sql = (
            f"SELECT agent, session_key, sessions, new_lines, current_id FROM skey WHERE {clause} ORDER BY id LIMIT 100"  # noqa: S608
        )
        names = ("agent", "sessionKey", "sessions", "newLines", "currentId")
        rows = [dict(zip(names, row, strict=True)) for row in database.execute(sql, values)]
        sql = f"SELECT count(*), coalesce(sum(sessions),0), coalesce(sum(lines),0), coalesce(sum(new_lines),0) FROM skey WHERE {clause}"  # noqa: S608
        sums = dict(
            zip(("count", "sessions", "lines", "newLines"), database.execute(sql, values).fetchone(), strict=True)
        )
        sql = f"SELECT s.fate, count(*) FROM session s JOIN skey k ON k.id = s.skey WHERE {clause} GROUP BY s.fate"  # noqa: S608
        fates = dict(database.execute(sql, values))
    return {"keys": rows, **sums, "fates": fates}


def _page(
    database: sqlite3.Connection, table: str, columns: str, where: list[tuple[str, list[Any]]], cursor: str
) -> tuple[list[tuple[Any, ...]], str | None]:
    after = cursor_read(cursor, 1)
    if after:
        where = [*where, ("id > ?", [int(after[0])])]
    clauses = " AND ".join(clause for clause, _ in where) or "TRUE"
    values = [value for _, some in where for value in some]
    sql = f"SELECT id, {columns} FROM {table} WHERE {clauses} ORDER BY id LIMIT ?"  # noqa: S608 - names of ours
    rows = database.execute(sql, [*values, PAGE_ROWS + 1]).fetchall()
    following = cursor_write(rows[PAGE_ROWS - 1][0]) if len(rows) > PAGE_ROWS else None
    return rows[:PAGE_ROWS], following
