"""Lines of an export as columns of rows. Whatever does not fit raises KeyError, ValueError, TypeError or AttributeError."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sessions_app.canonical import canonical, canonical_text, entry_link
from sessions_app.models import Session
from sessions_app.selectors.transfer_rows import IMPORTED_ACTOR
from sessions_app.services._sql import db_time, db_uuid
from sessions_app.values import (
    OPEN_RUN_STATES,
    CheckpointKind,
    EndReason,
    EntryKind,
    Json,
    Role,
    RunState,
    StartReason,
    Trigger,
)

Tail = tuple[int, int, str]
IdHere = Callable[[str], UUID]
_SPOKEN = (Role.USER, Role.ASSISTANT)
_KINDS, _ROLES = frozenset(EntryKind), frozenset([*Role, ""])


def moment(value: str | None) -> datetime.datetime:
    """An aware time."""
    found = datetime.datetime.fromisoformat(value or "")
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return found


def _moment_or_none(value: str | None) -> datetime.datetime | None:
    return None if value is None else moment(value)


def session_columns(facts: Json) -> Json:
    """The columns of a session that its first line gives."""
    return {
        "parent_seq": int(facts["parentSeq"]),
        "started_at": moment(facts["startedAt"]),
        "start_reason": StartReason(facts["startReason"]),
        "start_actor": str(facts["startActor"])[:200],
        "start_trigger": Trigger(facts["startTrigger"]),
        "ended_at": _moment_or_none(facts["endedAt"]),
        "end_reason": EndReason(facts["endReason"]) if facts["endReason"] else "",
        "end_actor": str(facts["endActor"])[:200],
        "end_trigger": Trigger(facts["endTrigger"]) if facts["endTrigger"] else "",
        "archived_seq": None if facts["archivedSeq"] is None else int(facts["archivedSeq"]),
        "archived_digest": str(facts["archivedDigest"])[:64],
    }


def run_columns(row: Json, session_id: UUID, id_here: IdHere) -> Json:
    """The columns of a run; who asked for it is nobody here."""
    state = RunState(row["state"])
    if state in OPEN_RUN_STATES:
        raise ValueError("a run that never ended")
    return {
        "id": id_here(row["id"]),
        "session_id": session_id,
        "input_seq": int(row["inputSeq"]),
        "answer_seq": None if row["answerSeq"] is None else int(row["answerSeq"]),
        "retry_of_id": None if row["retryOf"] is None else id_here(row["retryOf"]),
        "continues": bool(row["continues"]),
        "state": state,
        "actor": f"{IMPORTED_ACTOR}{row['actor']}"[:80],
        "actor_label": str(row["actorLabel"])[:200],
        "request_id": str(row["requestId"])[:128],
        "request_digest": str(row["requestDigest"])[:64],
        "error": row["error"],
        "created_at": moment(row["createdAt"]),
        "started_at": _moment_or_none(row["startedAt"]),
        "finished_at": moment(row["finishedAt"]),
    }


def checkpoint_columns(row: Json, session: Session, checkpoint_id: UUID) -> Json:
    """The columns of a checkpoint."""
    return {
        "id": checkpoint_id,
        "conversation_id": session.conversation_id,
        "session_id": session.pk,
        "seq": int(row["seq"]),
        "kind": CheckpointKind(row["kind"]),
        "label": str(row["label"])[:200],
        "actor": str(row["actor"])[:200],
        "trigger": Trigger(row["trigger"]),
        "created_at": moment(row["createdAt"]),
    }


def entry_columns(
    lines: list[Json], owner: Any, tail: Tail, id_here: IdHere, *, is_renamed: bool
) -> tuple[list[tuple[Any, ...]], Tail, datetime.datetime]:
    """Rows for `journal.INSERT_ENTRY`, chained to what is there.

    Args:
        lines: at least one, in order.
        owner: the session's id as the engine stores it.
        tail: (seq, messages, digest) of its newest entry.
        id_here: the id of a run here.
        is_renamed: links that the export gives by hand count only under the id they were made for.

    Returns:
        The rows, the new tail, and when the newest entry was written.
    """
    rows: list[tuple[Any, ...]] = []
    seq, messages, link = tail
    at = None
    for line in lines:
        kind, role, text = line["kind"], line["role"], line["text"]
        if (
            line["seq"] != seq + 1
            or kind not in _KINDS
            or role not in _ROLES
            or not isinstance(text, str)
            or "\x00" in text
        ):
            raise ValueError("no entry")
        if not isinstance(line["data"], dict):
            raise TypeError("data is no object")
        seq, at = seq + 1, moment(line["at"])
        run = id_here(line["run"]) if line["run"] is not None else None
        messages += kind == EntryKind.MESSAGE and role in _SPOKEN
        data = canonical(line["data"])
        link = entry_link(link, seq, kind, role, canonical_text(text), data, at.isoformat(), run.hex if run else None)
        if not is_renamed:
            link, messages = str(line.get("digest", link))[:64], int(line.get("messageNo", messages))
        text.encode()  # a lone surrogate cannot be stored
        rows.append((owner, seq, kind, role, text, data, run and db_uuid(run), messages, link, db_time(at)))
    assert at is not None
    return rows, (seq, messages, link), at
