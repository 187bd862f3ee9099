"""What a row of the index must say so that the program shows a session again and does not rotate it at the next message."""

from __future__ import annotations

import os
from pathlib import Path

from sessions_app.rescue.index import base_of
from sessions_app.rescue.names import FileKind, milliseconds
from sessions_app.rescue.repair.desk import Desk, name_of
from sessions_app.rescue.scan import Store
from sessions_app.rescue.transcripts import Transcript
from sessions_app.values import Json

CHECKPOINTS_MAX = 25
# of the session that was shown before: its counters, and its ties to other programs' own sessions
_DROPPED = (
    "inputTokens",
    "outputTokens",
    "cacheRead",
    "cacheWrite",
    "totalTokens",
    "estimatedCostUsd",
    "cliSessionBindings",
    "cliSessionIds",
    "claudeCliSessionId",
)
# all of them: later versions ask the other two, and where they are missing the header, which is old
_FRESH = ("updatedAt", "sessionStartedAt", "lastInteractionAt")
_NEW_ROW: Json = {"chatType": "direct", "deliveryContext": {"channel": "webchat"}, "lastChannel": "webchat"}


def row_edited(desk: Desk, key: str, session_id: str, name: str, *, compactions: int = 0, label: str = "") -> Json:
    """Point a key's row at a session, and remember it in the desk.

    Args:
        desk: the directory.
        key: whose row; a new one is made from a backup of the index, or from nothing.
        session_id: which session.
        name: of its live file.
        compactions: how many its transcript has.
        label: of a row that is made from nothing.

    Returns:
        The edit: {key, sets, drops, touch}; `touch` are the members that get the time of the repair.
    """
    before = desk.rows.get(key)
    base = before if before is not None else desk.older.get(key, {**_NEW_ROW, **({"label": label} if label else {})})
    sets: Json = {} if before is not None else {**base}
    sets |= {"sessionId": session_id, "sessionFile": str(desk.place.path / name), "systemSent": True}
    sets |= {"abortedLastRun": False, "status": "done", "totalTokensFresh": False}
    if "compactionCount" in base or compactions:
        sets["compactionCount"] = compactions
    drops = [name for name in _DROPPED if name in base]
    for name_dropped in drops:
        sets.pop(name_dropped, None)
    edit: Json = {"key": key, "sets": sets, "drops": drops, "touch": list(_FRESH)}
    desk.edits[key] = edit
    desk.rows[key] = {each: value for each, value in (base | sets).items() if each not in drops}
    desk.shows[key] = name
    return edit


def checkpoints_attached(store: Store, desk: Desk, edit: Json, session_id: str) -> list[str]:
    """Give a row the checkpoints whose snapshots are there, also those whose record was lost or whose snapshot was renamed.

    Returns:
        What was done, in words.
    """
    key, words = str(edit["key"]), list[str]()
    entry = desk.rows[key]
    kept: list[Json] = []
    dropped = 0
    for record in _records(entry, desk.older.get(key, {})):
        snapshot = _snapshot(record)
        # from 2026.5.28 on a record names no snapshot, and the program finds its place in the transcript
        if not snapshot or snapshot in desk.names or _renamed_back(desk, snapshot, words):
            kept.append(_placed(desk, record))
        else:
            dropped += 1
    known = {_snapshot(record) for record in kept if _snapshot(record)}
    lost = [_made(store, desk, key, each) for each in _snapshots(desk, session_id) if name_of(each) not in known]
    if lost:
        words.append(f"checkpoints whose record was lost are listed again: {len(lost)}")
    if moved := sum(record not in _records(entry, desk.older.get(key, {})) for record in kept):
        words.append(f"records of checkpoints that point to where their snapshots are now: {moved}")
    if dropped:
        words.append(f"records of checkpoints without a snapshot are dropped: {dropped}")
    found = sorted(kept + lost, key=lambda record: milliseconds(record.get("createdAt")))[-CHECKPOINTS_MAX:]
    if found != entry.get("compactionCheckpoints", []):
        edit["sets"]["compactionCheckpoints"] = found
        desk.rows[key]["compactionCheckpoints"] = found
    return words


def _records(*entries: Json) -> list[Json]:
    found: dict[str, Json] = {}
    for entry in entries:
        records = entry.get("compactionCheckpoints")
        for record in records if isinstance(records, list) else []:
            if isinstance(record, dict):
                found.setdefault(str(record.get("checkpointId")), record)
    return list(found.values())


def _snapshot(record: Json) -> str:
    before = record.get("preCompaction")
    file = before.get("sessionFile") if isinstance(before, dict) else None
    base = base_of(file) if isinstance(file, str) else ""
    return f"{base}.jsonl" if base else ""


def _placed(desk: Desk, record: Json) -> Json:
    """A record whose paths lead to where the files are: they are absolute, and of the place the store was written at."""
    placed = dict(record)
    for side in ("preCompaction", "postCompaction"):
        about = record.get(side)
        if isinstance(about, dict) and (file := place_now(desk, about.get("sessionFile"))):
            placed[side] = {**about, "sessionFile": file}
    return placed


def place_now(desk: Desk, file: object) -> str:
    """Where a file lies that an absolute path of elsewhere names; "" when the path leads to it, or it is not here."""
    name = f"{base_of(file)}.jsonl" if isinstance(file, str) else ""
    now = str(desk.place.path / name)
    return now if name in desk.names and file != now and not os.path.lexists(str(file)) else ""


def row_placed(desk: Desk, key: str) -> None:
    """Let a row whose absolute paths are of another place lead to its files, where it does not.

    Nothing else of it is changed, but a time older than the transcript's: from 2026.6 on the program starts the main session anew then, and
    copying a directory makes its files new.
    """
    entry = desk.rows[key]
    file = place_now(desk, entry.get("sessionFile"))
    if not file:
        return
    sets: Json = {"sessionFile": file, **_not_older(desk, entry, file)}
    records = _records(entry)
    placed = [_placed(desk, record) for record in records]
    if placed != records:
        sets["compactionCheckpoints"] = placed
    words = f"Let {key} find its transcript {base_of(file)}.jsonl, which is here and not where the row says."
    desk.edits[key] = {"key": key, "sets": sets, "drops": [], "touch": [], "words": words}
    desk.rows[key] = entry | sets


def _not_older(desk: Desk, entry: Json, file: str) -> Json:
    if entry.get("status") == "running":
        return {}
    facts, updated = desk.place.facts(os.path.basename(file)), milliseconds(entry.get("updatedAt"))
    modified = -(-facts.st_mtime_ns // 1_000_000) if facts is not None else 0
    return {"updatedAt": modified} if 0 < updated < modified else {}


def _renamed_back(desk: Desk, snapshot: str, words: list[str]) -> bool:
    """A snapshot that a repair of the program renamed to `.deleted.` is copied back to its own name."""
    aside = [each for each in desk.transcripts if name_of(each).startswith(f"{snapshot}.deleted.")]
    if not aside:
        return False
    source = name_of(aside[-1])
    digest = desk.place.digest(source)
    step = {"do": "copy", "from": source, "fromDigest": digest, "to": snapshot, "digest": digest}
    desk.copies.append({**step, "words": f"Copy {source} back to {snapshot}."})
    desk.names.add(snapshot)
    words.append(f"the checkpoint snapshot {snapshot} is brought back")
    return True


def _snapshots(desk: Desk, session_id: str) -> list[Transcript]:
    found = [each for each in desk.transcripts if each.kind is FileKind.CHECKPOINT and each.own_id]
    return [each for each in found if each.session_id == session_id and each.facts.get("entries")]


def _made(store: Store, desk: Desk, key: str, each: Transcript) -> Json:
    """The record of a snapshot, made again from the file."""
    sql = "SELECT eid FROM line WHERE file = ? AND eid IS NOT NULL ORDER BY no DESC LIMIT 1"
    leaf = store.ledger.one(sql, each.file)
    created = int(float(store.ledger.one("SELECT modified FROM file WHERE id = ?", each.file)) * 1000)
    about: Json = {"sessionId": each.session_id, "sessionFile": str(Path(desk.place.path) / name_of(each))}
    about |= {"leafId": leaf} if leaf else {}
    ids = {"checkpointId": each.own_id, "sessionKey": key, "sessionId": each.session_id, "createdAt": created}
    return {**ids, "reason": "manual", "preCompaction": about, "postCompaction": {"sessionId": each.session_id}}
