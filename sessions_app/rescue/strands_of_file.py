"""The strands of one file: which key each has, why it stepped aside, and when its turn comes."""

from __future__ import annotations

from sessions_app.rescue.keys import UNFILED
from sessions_app.rescue.names import FileKind, moment
from sessions_app.rescue.scan import Store
from sessions_app.rescue.strands import Strand
from sessions_app.rescue.transcripts import Transcript

_ORDER = [
    FileKind.TRANSCRIPT,
    FileKind.IMPORTED,
    FileKind.COLD,
    FileKind.RESET,
    FileKind.DELETED,
    FileKind.BACKUP,
    FileKind.CHECKPOINT,
]

# why the window of the SQLite era began that came after
_BY_WINDOW = {"rollover": "idle", "fork": "restore", "rewind": "restore", "switch": "restore"}


def strands_of(store: Store, about: Transcript) -> list[Strand]:
    """The strands a file was divided into, in order."""
    counts = dict(store.ledger.rows("SELECT strand, count(*) FROM line WHERE file = ? GROUP BY strand", about.file))
    found = []
    sql = "SELECT id, part, parent_no FROM strand WHERE file = ? ORDER BY id"
    for number, part, parent_no in list(store.ledger.rows(sql, about.file)):
        strand = Strand(
            number, about, part, counts.get(number, 0), about.key or unfiled_key(about), parent_no=parent_no
        )
        strand.is_current = about.is_current and part == "main" and ":cron:" not in strand.key
        if about.kind is FileKind.TRAJECTORY:
            facts = store.ledger.facts("strand", number)
            strand.trace_of, strand.key = facts.get("session", ""), about.key or facts.get("key") or strand.key
        _dated(store, strand)
        found.append(strand)
    return found


def unfiled_key(about: Transcript) -> str:
    """Where a transcript goes that nothing names a key of."""
    return f"agent:{about.agent}:{UNFILED}"


def _dated(store: Store, strand: Strand) -> None:
    """Since when it was there; why and when it stepped aside."""
    about, own = strand.about, store.ledger.facts("strand", strand.number)
    strand.started_at = moment(own.get("startedAt")) or moment(about.facts.get("startedAt"))
    last = moment(about.facts.get("lastAt"))
    strand.end_reason, strand.ended_at = "reset", about.stamp or last
    if strand.part == "stretch":
        strand.ended_at = moment(own.get("endedAt")) or last
    elif strand.part == "branch" or (about.key_by == "checkpoint" and about.kind is FileKind.TRANSCRIPT):
        strand.end_reason = "restore"
    elif about.kind in (FileKind.DELETED, FileKind.COLD):
        strand.end_reason = "deleted" if about.kind is FileKind.DELETED else "idle"
    elif about.part and (window := store.windows.get(about.session_id, {})).get("endedAt"):
        strand.end_reason = _BY_WINDOW.get(window["endedBy"], "reset")
        strand.ended_at = moment(window["endedAt"]) or last


Turn = tuple[bool, bool, bool, bool, bool, int, int, int]


def turn_of(strand: Strand) -> tuple[Turn, int]:
    """When a strand's turn comes; slices of one session in order, as the last of them."""
    return _turn(strand.last), strand.turn


def _turn(strand: Strand) -> Turn:
    """Sources before forks, whole transcripts before branches, current before archived, longer before shorter; traces last of all.

    A trace lies beside the session of its id, which may be one that was recovered out of it.
    """
    about = strand.about
    is_trace = about.kind is FileKind.TRAJECTORY and strand.part != "recovered"
    rank = _ORDER.index(about.kind) if about.kind in _ORDER else len(_ORDER)
    is_fork = bool(about.facts.get("parentSession"))
    is_main = strand.part in ("main", "stretch")
    return (
        is_trace,
        not is_main,
        is_fork,
        not about.is_current,
        strand.part == "branch",
        rank,
        -strand.lines,
        strand.number,
    )
