"""Transcripts are trees: the visible path is leaf to root, where the leaf is the last line. Every branch is kept, as a strand.

A parent always lies before its child, so rings cannot catch anybody. A line whose parent is not in the file goes on after the line
before it. A `reset` line ends a stretch: what came before it is an archive.
"""

from __future__ import annotations

from typing import Any

from sessions_app.rescue.ledger import Ledger

DUPLICATE = -1
_FREE = 0


def branches_made(ledger: Ledger, file: int, main: int) -> None:
    """Divide a file that is no plain list into strands: the visible path stays `main`, each branch gets a strand of its own."""
    db = ledger.db
    db.execute("CREATE INDEX IF NOT EXISTS line_by_id ON line(file, eid, no)")
    db.execute("CREATE INDEX IF NOT EXISTS line_by_strand ON line(file, strand, no)")
    repeated = "no NOT IN (SELECT MIN(no) FROM line WHERE file = ?1 GROUP BY digest)"
    db.execute(f"UPDATE line SET strand = CASE WHEN {repeated} THEN -1 ELSE 0 END WHERE file = ?1", (file,))  # noqa: S608
    leaf = _free_before(ledger, file, 1 << 62)
    is_first = True
    while leaf is not None:
        path, parent_no = _path(ledger, file, leaf)
        strand = main if is_first else ledger.add("strand", file=file, part="branch", parent_no=parent_no, facts={})
        db.executemany("UPDATE line SET strand = ? WHERE file = ? AND no = ?", [(strand, file, no) for no in path])
        is_first = False
        leaf = _free_before(ledger, file, leaf)


def _free_before(ledger: Ledger, file: int, no: int) -> int | None:
    sql = "SELECT no FROM line WHERE file = ? AND no < ? AND strand = 0 ORDER BY no DESC LIMIT 1"
    found: int | None = ledger.one(sql, file, no)
    return found


def _path(ledger: Ledger, file: int, leaf: int) -> tuple[list[int], int | None]:
    """Lines from a leaf up to the root, or up to the line of another strand it branches from."""
    path, at = [], leaf
    pid = ledger.one("SELECT pid FROM line WHERE file = ? AND no = ?", file, leaf)
    while True:
        path.append(at)
        parent = _parent(ledger, file, at, pid)
        if parent is None:
            return path, None
        at, pid, strand = parent
        if strand != _FREE:
            return path, at


def _parent(ledger: Ledger, file: int, no: int, pid: str | None) -> tuple[Any, ...] | None:
    if pid == "":
        return None
    columns = "SELECT no, pid, strand FROM line WHERE file = ? AND no < ? AND strand <> -1"
    if pid is not None:
        found = ledger.db.execute(f"{columns} AND eid = ? ORDER BY no DESC LIMIT 1", (file, no, pid)).fetchone()
        if found is not None:
            return tuple(found)
    before = ledger.db.execute(f"{columns} ORDER BY no DESC LIMIT 1", (file, no)).fetchone()
    return None if before is None else tuple(before)


def stretches_made(ledger: Ledger, file: int, main: int, resets: list[tuple[int, str, str]]) -> None:
    """Give every stretch that a reset ended a strand of its own; `main` keeps what follows the last reset."""
    begin, since = 0, dict[str, str]()
    for no, at, reason in resets:
        if ledger.one("SELECT strand FROM line WHERE file = ? AND no = ?", file, no) != main:
            continue
        facts = {**since, "endedAt": at, "endReason": reason, "resetNo": no}
        strand = ledger.add("strand", file=file, part="stretch", facts=facts)
        sql = "UPDATE line SET strand = ? WHERE file = ? AND strand = ? AND no > ? AND no <= ?"
        ledger.db.execute(sql, (strand, file, main, begin, no))
        begin, since = no, {"startedAt": at}
    if since:
        ledger.facts_changed("strand", main, **since)
