"""What can be wrong with a store: stable codes, and plain words for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sessions_app.rescue.ledger import Ledger
from sessions_app.values import Json

WORDS = {
    "index-unreadable": "The index sessions.json cannot be read. The program would take it as empty and overwrite it.",
    "index-cut": "The index sessions.json is cut or broken. The rows that are whole are used.",
    "index-row-unreadable": "A row of the index is no object and says nothing.",
    "older-index-used": "No row of the index is left. The rows of older copies of it are used, the newest of each key.",
    "row-without-file": "A row names a transcript that is not there.",
    "row-has-archive": "The row's own transcript was renamed away; it lies there as an archive.",
    "row-before-transcript": "A row was written before its transcript ever was. There is nothing to bring back.",
    "file-without-row": "A transcript that no row points to. The program never shows it.",
    "left-behind": "The live file that a checkpoint restore left behind. No row points to it.",
    "header-missing": "The transcript has no header line. The program would start it anew and lose these lines.",
    "name-differs": "The session id in the header is another than in the file's name.",
    "row-header-differs": "The row names another session than the header of its transcript.",
    "last-line-cut": "The last line ends in the middle.",
    "line-unreadable": "Lines that are no whole JSON.",
    "bad-utf8": "Lines that are no valid UTF-8.",
    "line-too-long": "Lines longer than 24 MiB; they are passed over.",
    "duplicate": "The same content lies in another file too. It is stored once.",
    "one-name-two-sessions": "Files of one name hold several sessions.",
    "shared-transcript": "Several rows share one transcript.",
    "row-twice": "The index and the database both have a row for this key, for different times. The newer one counts.",
    "path-moved": "The row's absolute path is of another place; the file is found by its name.",
    "path-leaves-directory": "A path leads out of the directory. It is not followed.",
    "link-not-followed": "A symbolic link. It is not followed.",
    "special-file": "No plain file. It is not opened.",
    "unreadable-file": "The file cannot be read.",
    "unreadable-directory": "The directory cannot be read.",
    "stale-lock": "A write lock whose process is gone, or that is older than 30 minutes.",
    "live-lock": "A write lock of a process that may be running.",
    "checkpoint-metadata-lost": "A checkpoint's snapshot that no row knows.",
    "checkpoint-snapshot-missing": "A checkpoint whose snapshot is not there.",
    "running-without-process": "A row says running. That is left behind by kills and aborts and proves nothing.",
    "leftover-temp": "A temporary file was left behind.",
    "archive-newer": "An archive has newer lines than the live transcript.",
    "compressed-broken": "A compressed file breaks off. What came before is used.",
    "database-unreadable": "The database cannot be opened.",
    "database-damaged": "The database is damaged in places. What can be read is used.",
    "half-migrated": "Transcripts of both eras: the directory is half migrated.",
    "key-changed": "The session key is not written as keys are here. It gets another; the old one is kept with the session.",
    "key-guessed": "No record says which key this had. It is filed under the one whose next session began right after, or that it was forked from.",
    "turn-only-in-trajectory": "Turns that stand in no transcript any more, recovered from the trace of their run.",
    "branches": "The transcript branches. Every branch is kept.",
    "history-sliced": "The program's own repair cut this session into backups, an exchange in each. They are put together again, in order.",
    "pending-input": "Messages that were accepted and never reached the transcript.",
}

# How bad each is: 0 content is lost or about to be, 1 something lies where nobody looks, 2 worth knowing.
_BAD = [
    "index-unreadable",
    "index-cut",
    "row-without-file",
    "header-missing",
    "last-line-cut",
    "line-unreadable",
    "bad-utf8",
    "line-too-long",
    "path-leaves-directory",
    "special-file",
    "unreadable-file",
    "unreadable-directory",
    "checkpoint-snapshot-missing",
    "compressed-broken",
    "database-unreadable",
    "database-damaged",
]
_NOTES = [
    "duplicate",
    "path-moved",
    "leftover-temp",
    "branches",
    "running-without-process",
    "row-before-transcript",
    "link-not-followed",
    "key-changed",
]
SEVERITY = {code: 0 if code in _BAD else 2 if code in _NOTES else 1 for code in WORDS}


def findings_json(ledger: Ledger) -> Iterator[Json]:
    """All findings: [{code, words, path?, sessionKey?, sessionId?, detail?}], in the order they were met."""
    names = ("path", "sessionKey", "sessionId", "detail")
    sql = "SELECT code, path, session_key, session_id, detail FROM finding ORDER BY id"
    for code, *rest in ledger.rows(sql):
        filled: dict[str, Any] = {name: value for name, value in zip(names, rest, strict=True) if value}
        yield {"code": code, "words": WORDS[code], **filled}
