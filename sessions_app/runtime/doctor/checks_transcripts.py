"""Transcripts: no gap in `seq`, every entry readable and as its digest says, and counters that agree with the rows.

Sessions are walked parents first, entries in pages. What lies behind known damage is not looked at again, and a branch that shows a
damaged entry of its parent is set aside with it, so each damage is one finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sessions_app.runtime.doctor.entry_problem import entry_problem
from sessions_app.runtime.doctor.findings import Finding, Severity
from sessions_app.runtime.doctor.source import UNREADABLE, Source, as_key, id_of, text_of
from sessions_app.runtime.doctor.transcript_findings import (
    Stored,
    Walk,
    counters_wrong,
    end_before_damage,
    transcript_damaged,
)


@dataclass(slots=True)
class Known:
    """Damage by session, as it will be once the findings are dealt with: branches ask for their parents'."""

    damaged_from: dict[Any, int] = field(default_factory=dict)
    parent_seq: dict[Any, int] = field(default_factory=dict)


def transcripts(source: Source, *, deep: bool) -> Iterator[Finding]:
    """Check every session.

    Args:
        source: the database.
        deep: recompute the digest of each entry too, and look whether a quarantine is still needed.
    """
    known = Known()
    for row in source.rows(_SESSIONS):
        key, session_key, parent, parent_seq, last_seq, messages, link, archived_seq, archived_link, damaged_from = row
        stored = Stored(
            key=as_key(key),
            session_key=text_of(session_key),
            parent=as_key(parent),
            parent_seq=parent_seq,
            last_seq=last_seq,
            messages=messages,
            digest=text_of(link),
            archived_seq=archived_seq,
            archived_digest=text_of(archived_link),
            damaged_from=damaged_from,
        )
        yield from _session(source, stored, known, deep=deep)
        yield from end_before_damage(stored, known.damaged_from.get(stored.key))
        known.parent_seq[stored.key] = stored.parent_seq


def _session(source: Source, stored: Stored, known: Known, *, deep: bool) -> Iterator[Finding]:
    """At most one finding of damage, else at most one of counters."""
    inherited = _inherited(stored, known)
    limit = stored.damaged_from
    if inherited is not None:
        known.damaged_from[stored.key] = inherited
        # one that was just found takes its branches along by itself
        if (limit is None or limit > inherited) and _is_known(source, stored, inherited):
            yield transcript_damaged(stored, inherited, "an entry it shares with the session it continues is damaged.")
        return
    base = _base(source, stored)
    if base is None:
        words = "the session it continues is missing, or ends before the entry it goes on from."
        start = _before_the_break(source, stored)
        known.damaged_from[stored.key] = start
        if limit is None or start < limit:
            yield transcript_damaged(stored, start, words)
        return
    walk = _walk(source, stored, base, deep=deep)
    if walk.damaged_from is None and limit is None:
        walk = _lost_tail(stored, walk)
    if walk.damaged_from is not None:
        known.damaged_from[stored.key] = min(walk.damaged_from, limit or walk.damaged_from)
        if limit is None or walk.damaged_from < limit:
            yield transcript_damaged(stored, walk.damaged_from, walk.words)
    elif limit is None:
        yield from counters_wrong(stored, walk)
    elif deep and _lost_tail(stored, walk).damaged_from is None:
        yield Finding(
            "quarantine_unneeded",
            f"The session is set aside as damaged from entry {limit:,} on, but every entry of it is whole.",
            Severity.UNTIDY,
            stored.where,
            "The session is opened again.",
            {"do": "release", "sessionId": id_of(stored.key)},
        )
        yield from counters_wrong(stored, walk)
    else:
        known.damaged_from[stored.key] = limit


def _inherited(stored: Stored, known: Known) -> int | None:
    """Damage of the parent that lies in what this session shares with it."""
    damaged = known.damaged_from.get(stored.parent) if stored.parent is not None else None
    return damaged if damaged is not None and damaged <= stored.parent_seq else None


def _is_known(source: Source, stored: Stored, damaged_from: int) -> bool:
    """Whether the parent was set aside before this examination, and this branch was forgotten."""
    rows = source.rows("SELECT damaged_from FROM sessions_app_session WHERE id = ?", [stored.parent])
    return bool(rows) and rows[0][0] is not None and rows[0][0] <= damaged_from


def _base(source: Source, stored: Stored) -> tuple[str, int] | None:
    """Digest and number of messages where the own entries begin; None when the parent does not have that entry."""
    if stored.parent is None:
        return "", 0
    try:
        rows = source.rows(_BASE, [stored.parent, stored.parent_seq, stored.parent_seq])
    except UNREADABLE:
        return None
    return (text_of(rows[0][0]), int(rows[0][1])) if rows else None


def _before_the_break(source: Source, stored: Stored) -> int:
    """The first entry that is out of reach: after those of the parent that exist."""
    rows = source.rows(_NEWEST, [stored.parent, stored.parent_seq])
    return (rows[0][0] or 0) + 1 if rows else 1


def _walk(source: Source, stored: Stored, base: tuple[str, int], *, deep: bool) -> Walk:
    """Go through the own entries until the end or the first that is missing, unreadable or not as its digest says."""
    walk = Walk(stored.parent_seq, base[1], base[0])
    if stored.archived_seq == walk.seq:
        walk.archived_link = walk.link
    try:
        for row in source.pages(_ENTRIES, [stored.key], start=stored.parent_seq):
            wanted = walk.seq + 1
            if row[0] != wanted:
                return _damaged(walk, f"entry {wanted:,} is missing.")
            problem = entry_problem(row, walk.link, deep=deep)
            if problem:
                return _damaged(walk, f"entry {wanted:,} {problem}")
            walk.seq, walk.link = wanted, text_of(row[5])
            walk.messages += text_of(row[1]) == "message" and text_of(row[2]) in {"user", "assistant"}
            if wanted == stored.archived_seq:
                walk.archived_link = walk.link
    except UNREADABLE:
        return _damaged(walk, f"entry {walk.seq + 1:,} lies on a broken page of the database file.")
    return walk


def _damaged(walk: Walk, words: str) -> Walk:
    walk.damaged_from, walk.words = walk.seq + 1, words
    return walk


def _lost_tail(stored: Stored, walk: Walk) -> Walk:
    """Tell a wrong counter from entries that are gone: the session's digest says which was its last one."""
    if walk.damaged_from is None and stored.last_seq > walk.seq and stored.digest != walk.link:
        last = f" to {stored.last_seq:,}" if stored.last_seq > walk.seq + 1 else ""
        return _damaged(walk, f"entry {walk.seq + 1:,}{last} is missing.")
    return walk


# the position of a parent's own start is smaller than that of any of its branches', so parents come first
_SESSIONS = """
    SELECT s.id, c.key, s.parent_id, s.parent_seq, s.last_seq, s.messages, s.digest, s.archived_seq, s.archived_digest,
        s.damaged_from
    FROM sessions_app_session s LEFT JOIN sessions_app_conversation c ON c.id = s.conversation_id
    ORDER BY s.parent_seq, s.id
"""
# the parent owns the entry its branch goes on from; one whose own start lies behind it makes a ring or a wrong turn, and one whose
# row alone is missing is made again
_BASE = """
    SELECT e.digest, e.message_no FROM sessions_app_entry e LEFT JOIN sessions_app_session p ON p.id = e.session_id
    WHERE e.session_id = ? AND e.seq = ? AND (p.id IS NULL OR p.parent_seq < ?)
"""
_NEWEST = """
    SELECT MAX(CASE WHEN e.seq > p.parent_seq THEN e.seq ELSE p.parent_seq END)
    FROM sessions_app_session p LEFT JOIN sessions_app_entry e ON e.session_id = p.id WHERE p.id = ? AND p.parent_seq < ?
"""
_ENTRIES = """
    SELECT seq, kind, role, text, data, digest, run_id, created_at FROM sessions_app_entry
    WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?
"""
