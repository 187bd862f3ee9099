"""Sessions into a package: read in pages, one session at a time in memory, each page in its own short query."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from sessions_app.canonical import canonical
from sessions_app.runtime import writers
from sessions_app.runtime.transfer.package import Package, Sink
from sessions_app.runtime.transfer.session_lines import original_lines, session_lines
from sessions_app.selectors.transfer import (
    Choice,
    audit_lines,
    conversations_facts,
    export_choice,
    sessions_by_key,
    sessions_facts,
)
from sessions_app.selectors.transfer_rows import strands_of
from sessions_app.services.exports import exports_record
from sessions_app.values import Call, Command, Json
from sessions_app.values.transfer import AUDIT, CONVERSATIONS

Progress = Callable[[int, int], None]
_KEYS_AT_ONCE = 100
_LINES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be exported: one session, one key, or (without either) everything; and why.

    `with_sensitive`: the original lines of adopted sessions too, which hold whatever the other system wrote down.
    """

    call: Call
    session_id: UUID | None = None
    session_key: str = ""
    reason: str = ""
    with_sensitive: bool = False


def _silent(_done: int, _total: int) -> None:
    """Nobody watches."""


def chosen(wanted: Wanted, form: str) -> Choice:
    """What is exported, once it is written down that it leaves.

    Args:
        wanted: what, who and why.
        form: e.g. "tar.zst".

    Raises:
        NotFoundError, ForbiddenError, ReasonRequiredError: it may not leave; raised before the first byte does.
    """
    key, session_id = wanted.session_key, wanted.session_id
    actor = wanted.call.actor
    choice = export_choice(actor, session_id=session_id, session_key=key, with_originals=wanted.with_sensitive)
    sessions = sorted(sessions_by_key(choice.sessions).items())
    for begin in range(0, len(sessions), _KEYS_AT_ONCE):
        params = {"sessions": dict(sessions[begin : begin + _KEYS_AT_ONCE]), "form": form, "reason": wanted.reason}
        writers.current().call(Command(exports_record, wanted.call, params))
    return choice


def package_write(choice: Choice, sink: Sink, *, with_sensitive: bool = False, progress: Progress = _silent) -> Json:
    """Write the package of a choice.

    Args:
        choice: from `chosen`.
        sink: where to.
        with_sensitive: see `Wanted`.
        progress: told (entries done, entries in all).

    Returns:
        The manifest.
    """
    package, done = Package(sink), 0
    conversations = conversations_facts(choice)
    keys, taken = [row["key"] for row in conversations], set(choice.sessions)
    counts: Json = dict.fromkeys(("entries", "runs", "checkpoints", "originalLines"), 0)
    with package.member(AUDIT) as member:
        _many(member.write, (row if isinstance(row, str) else canonical(row) for row in audit_lines(keys, taken)))
    with package.member(CONVERSATIONS) as member:
        _many(member.write, (canonical(row) for row in conversations))
    adopted: list[UUID] = []
    if with_sensitive:
        adopted = [pk for pk in choice.sessions if strands_of(pk)]
    for pk in adopted:
        with package.member(f"originals/{pk}.jsonl") as member:
            counts["originalLines"] += original_lines(member, pk)

    def told(entries: int) -> None:
        nonlocal done
        done += entries
        progress(done, choice.entries)

    sessions: Json = {}
    for facts, _ in sessions_facts(choice.sessions):
        with package.member(f"sessions/{facts['id']}.jsonl") as member:
            end = session_lines(member, facts, told)
        for name in ("entries", "runs", "checkpoints"):
            counts[name] += end[name]
        about = {name: facts[name] for name in ("key", "parent", "parentSeq")}
        sessions[facts["id"]] = about | {name: end[name] for name in ("lastSeq", "digest", "damagedFrom")}
    counts |= {"conversations": len(conversations), "sessions": len(sessions)}
    counts["auditEvents"] = package.files[AUDIT]["lines"]
    return package.end({"counts": counts, "sessions": sessions, "withSensitive": with_sensitive})


def _many(write: Callable[[list[str]], None], lines: Iterable[str]) -> None:
    waiting: list[str] = []
    for line in lines:
        waiting.append(line + "\n")
        if len(waiting) >= _LINES_AT_ONCE:
            write(waiting)
            waiting = []
    write(waiting)
