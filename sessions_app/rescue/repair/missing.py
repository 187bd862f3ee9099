"""Rows without a transcript, and transcripts without a row."""

from __future__ import annotations

from sessions_app.rescue.index import base_of
from sessions_app.rescue.names import uuid_in
from sessions_app.rescue.repair.desk import ROWS_MAX, Desk, name_of
from sessions_app.rescue.repair.finding import newest_archive
from sessions_app.rescue.repair.rows import row_edited, row_placed
from sessions_app.rescue.repair.showing import session_id_of, session_shown
from sessions_app.rescue.scan import Store
from sessions_app.rescue.transcripts import Transcript

RETIRED = ":retired:"


def missing_mended(store: Store, desk: Desk) -> list[str]:
    """Relink every row whose transcript is not there to its newest archive, or retire it to a row that says so.

    Rows whose transcript is here, and not at the absolute path they name, are pointed to it: the program does not look here.

    Returns:
        Warnings, in words.
    """
    warnings: list[str] = []
    used: dict[int, str] = {}
    emptied = {
        name_of(each) for each in desk.live() if not each.facts.get("entries") and not each.facts.get("hasHeader")
    }
    for key in sorted(desk.rows, key=lambda key: (":run:" in key, key)):
        shown = desk.shows[key]
        session = str(desk.rows[key].get("sessionId") or "")
        each = newest_archive(desk.transcripts, key, uuid_in(session) or session, base_of(shown))
        is_there = shown in desk.names and not (each is not None and shown in emptied)
        if is_there or RETIRED in key:
            row_placed(desk, key)
            continue
        if each is None or (each.file not in used and desk.users_of(name_of(each), but=key)):
            warnings += _retired(desk, key, session)
        elif each.file in used:
            compactions = int(each.facts.get("compactions", 0))
            edit = row_edited(desk, key, session_id_of(each), used[each.file], compactions=compactions)
            edit["words"] = f"Let {key} share {used[each.file]}, as it did."
        else:
            warnings += session_shown(store, desk, each, key)
            used[each.file] = desk.shows[key]
    return warnings


def _retired(desk: Desk, key: str, session: str) -> list[str]:
    """Nothing is left of a row's session: the row stays listed, under a key that says so, and frees its own."""
    name = f"{key}{RETIRED}{session or 'unknown'}"
    while name in desk.rows:
        name += "-"
    sets = {"status": "done", "abortedLastRun": False}
    words = f"Nothing is left of the session of {key}; its row stays listed as {name}."
    desk.edits[key] = {"key": key, "sets": sets, "drops": [], "touch": [], "rename": name, "words": words}
    desk.rows[name] = desk.rows.pop(key) | sets
    desk.shows[name] = desk.shows.pop(key)
    return []


def orphans_adopted(store: Store, desk: Desk) -> list[str]:
    """Give every live transcript that no row shows a row of its own.

    Returns:
        Warnings, in words.
    """
    warnings: list[str] = []
    for each in desk.live():
        name = name_of(each)
        if name not in desk.names or desk.users_of(name) or name.endswith(".zst"):
            continue
        if not store.ledger.facts("file", each.file).get("messages"):
            warnings.append(f"{name} holds no message; it gets no row.")
        elif len(desk.rows) >= ROWS_MAX:
            warnings.append(f"{name} gets no row: the program forgets rows above {ROWS_MAX}. Adopt brings it back.")
        else:
            warnings += session_shown(store, desk, each, _own_key(desk, each), label=_label(desk, each))
    return warnings


def _own_key(desk: Desk, each: Transcript) -> str:
    """The key the records name, while nobody has it; else a new one."""
    is_of_agent = each.key.startswith(f"agent:{desk.agent}:") and ":cron:" not in each.key
    if is_of_agent and each.key not in desk.rows and each.key_by != "guess":
        return each.key
    key, more = f"agent:{desk.agent.lower()}:rescued-{session_id_of(each)[:8].lower()}", 0
    name = key
    while name in desk.rows:
        more += 1
        name = f"{key}-{more}"
    return name


def _label(desk: Desk, each: Transcript) -> str:
    taken = [entry.get("label") for entry in desk.rows.values()]
    label, more = f"Rescued {session_id_of(each)[:8]}", 1
    name = label
    while name in taken:
        more += 1
        name = f"{label} {more}"
    return name
