"""The end of reading one transcript: its facts, its strands, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.lines import Readable, raw_lines
from sessions_app.rescue.names import TRANSCRIPTS
from sessions_app.rescue.reading import TOO_LONG, Reading
from sessions_app.rescue.trees import DUPLICATE, branches_made, stretches_made

_CODES = {"bad-utf8": "bad-utf8", "bad-json": "line-unreadable", TOO_LONG: "line-too-long"}


def lines_read(reading: Reading, stream: Readable, spool: Path) -> None:
    """Read lines of a stream that cannot be read twice, and keep a plain copy of it."""
    with spool.open("wb") as copy:
        reading.read(raw_lines(_Copied(stream, copy)))


class _Copied:
    """A stream whose bytes are written down as they pass."""

    def __init__(self, stream: Readable, copy: object) -> None:
        self._stream, self._copy = stream, copy

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._copy.write(chunk)  # type: ignore[attr-defined]
        return chunk


def transcript_closed(ledger: Ledger, reading: Reading, *, header_id: str = "") -> None:
    """Store what was gathered of a file, divide it into strands, and note its findings."""
    file = reading.file
    sql = "SELECT path, kind, part, facts FROM file WHERE id = ?"
    path, kind, part, known = ledger.db.execute(sql, (file,)).fetchone()
    facts = json.loads(known) | reading.facts() | {"repeated": 0}
    if kind in TRANSCRIPTS:
        if not reading.is_linear:
            branches_made(ledger, file, reading.strand)
            facts["repeated"] = ledger.one("SELECT count(*) FROM line WHERE file = ? AND strand = ?", file, DUPLICATE)
        stretches_made(ledger, file, reading.strand, reading.resets)
    reading.divide()
    sql = "UPDATE file SET header_id = ?, header = ?, facts = ? WHERE id = ?"
    ledger.db.execute(sql, (header_id or reading.header_id, reading.header_raw, json.dumps(facts), file))
    if kind in TRANSCRIPTS:
        is_queue = (part or "").startswith("session_pending_inputs/")  # never had a header
        for code, detail in _wrong(ledger, reading, file):
            if code == "header-missing" and is_queue:
                continue
            ledger.finding(code, path, session_id=header_id or reading.header_id, detail=detail)


def _wrong(ledger: Ledger, reading: Reading, file: int) -> Iterator[tuple[str, str]]:
    if reading.header is None and reading.lines:
        yield "header-missing", ""
    if reading.cut:
        yield "last-line-cut", ""
    sql = "SELECT why, count(*), min(offset) FROM bad WHERE file = ? GROUP BY why ORDER BY why"
    for why, count, offset in ledger.rows(sql, file) if reading.counts["bad"] else ():
        yield _CODES[why], f"{count:,} lines, the first at byte {offset:,}"
    if reading.is_linear:
        return
    branches = ledger.one("SELECT count(*) FROM strand WHERE file = ? AND part = 'branch'", file)
    if branches:
        yield "branches", f"{branches:,} besides the visible path"
