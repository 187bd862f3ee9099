"""Taking a message: one transaction checks the session, appends the entry, queues its run and tells the watchers.

The run row is the receipt: its (request id, actor) is unique, and a repeat is answered from it whatever happened since.
One implementation serves one message and a whole batch of them; the batch shares its statements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from sessions_app import access
from sessions_app.access import Action
from sessions_app.canonical import digest
from sessions_app.errors import (
    HoldfastError,
    InvalidParamsError,
    NotFoundError,
    QueueFullError,
    RequestConflictError,
    SessionMovedError,
)
from sessions_app.selectors.damage import damage_refuse
from sessions_app.services._run_rows import runs_insert, user_turn
from sessions_app.services._sql import as_uuid, marks
from sessions_app.services._text import user_text_checked
from sessions_app.services.journal import Head, Journal, Tip
from sessions_app.services.perform import Settled, verb
from sessions_app.values import (
    QUEUE_MAX_RUNS,
    Answer,
    Call,
    Command,
    Effects,
    Json,
)


@dataclass(slots=True)
class _Slot:
    """A conversation as the sends of one batch see it."""

    head: Head
    owner_id: int
    tip: Tip
    open_runs: int
    damaged_from: int | None
    damage: str


def turns_submit(commands: Sequence[Command]) -> list[Settled]:
    """Take many messages in few statements: six reads and five writes, however many there are.

    Args:
        commands: calls of `turn_submit`.

    Returns:
        For each command in order its answer or its refusal. A refused one leaves the others untouched: everything is decided
        before the first write.

    Raises:
        DatabaseError: nothing was written; take them one by one.
    """
    journal = Journal()
    standings = access.standings({c.call.actor for c in commands})
    known = _known_runs([c.call.request_id for c in commands])
    slots = _slots(journal, sorted({str(c.params["session_key"]) for c in commands}))
    rows: list[tuple[Any, ...]] = []
    settled: list[Settled] = []
    for command in commands:
        call = command.call
        content = digest([command.params[name] for name in ("session_key", "session_id", "message")])
        try:
            answer = _repeat(known.get((call.request_id, call.actor.ref)), content)
            if answer is None:
                slot = slots.get(command.params["session_key"])
                access.allow(
                    standings[call.actor],
                    call.actor,
                    Action.CHAT if slot else Action.LIST,
                    slot.owner_id if slot else None,
                )
                answer, row = _accept(journal, slot, command, content)
                rows.append(row)
                known[call.request_id, call.actor.ref] = (content, answer)
            settled.append(Settled(answer))
        except HoldfastError as error:
            settled.append(Settled(error=error))
    runs_insert(rows)
    effects = journal.write() | Effects(wake_runner=bool(rows))
    return [Settled(s.answer, effects if s.error is None else s.effects, s.error) for s in settled]


@verb(keeps_receipt=False, many=turns_submit)
def turn_submit(call: Call, *, session_key: str, session_id: UUID, message: str) -> Answer:
    """Store a message as sent and queue the run that answers it.

    Args:
        call: `request_id` is the idempotency key; the same key with the same content gets the first answer again.
        session_key: the conversation.
        session_id: the session the sender believes to be current.
        message: the text, stored byte for byte; at most TEXT_MAX_BYTES.

    Returns:
        {runId, sessionKey, sessionId, entrySeq, status: "accepted", duplicate}.

    Raises:
        SessionMovedError: another session is current; details carry both ids.
        SessionControlRequiredError: the text is `/new` or `/reset`, with or without more.
        RequestConflictError: the key was used with other content.
        QueueFullError: QUEUE_MAX_RUNS messages already wait.
        ForbiddenError: the session is damaged and read-only.
        NotFoundError, ForbiddenError, UnauthenticatedError, InvalidParamsError, TextInvalidError, TooLargeError: as named.

    Writes: Entry +1, Run +1, Event +1, Session and Conversation counters; one transaction.
    Source: docs/protocol.md `chat.send`.
    """
    params = {"session_key": session_key, "session_id": session_id, "message": message}
    settled = turns_submit([Command(turn_submit, call, params)])[0]
    return settled.result(), settled.effects


def _accept(journal: Journal, slot: _Slot | None, command: Command, content: str) -> tuple[Json, tuple[Any, ...]]:
    """Decide one message and add its rows to the journal."""
    key, believed, message = (command.params[name] for name in ("session_key", "session_id", "message"))
    if slot is None:
        raise NotFoundError(f"There is no conversation {key[:80]}.", sessionKey=key[:200])
    if not command.call.request_id:
        raise InvalidParamsError("A message needs an idempotency key.", field="idempotencyKey")
    user_text_checked(message, key)
    if believed != slot.tip.session_id:
        raise SessionMovedError(sessionKey=key, oldSessionId=str(believed), newSessionId=str(slot.tip.session_id))
    damage_refuse(key, slot.tip.session_id, slot.damaged_from, slot.damage)
    if slot.open_runs >= QUEUE_MAX_RUNS:
        raise QueueFullError(maxQueued=QUEUE_MAX_RUNS)
    slot.open_runs += 1
    run_id, seq, row = user_turn(journal, slot.head, slot.tip, command.call, message=message, content=content)
    return _answer(run_id, key, slot.tip.session_id, seq), row


def _answer(run_id: UUID, key: str, session_id: UUID, seq: int) -> Json:
    return {
        "runId": str(run_id),
        "sessionKey": key,
        "sessionId": str(session_id),
        "entrySeq": seq,
        "status": "accepted",
        "duplicate": False,
    }


def _repeat(known: tuple[str, Json] | None, content: str) -> Json | None:
    """The first answer again, when this request was taken before."""
    if known is None:
        return None
    if known[0] != content:
        raise RequestConflictError("This idempotency key was already used for another message. Use a new one.")
    return {**known[1], "duplicate": True}


def _known_runs(request_ids: Sequence[str]) -> dict[tuple[str, str], tuple[str, Json]]:
    """Runs that already exist for these request ids, as (digest, answer) by (request id, actor). One query."""
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN.format(marks=marks(len(request_ids))), list(request_ids))
        return {
            (request_id, actor): (content, _answer(as_uuid(run), key, as_uuid(session), seq))
            for request_id, actor, content, run, session, seq, key in cursor.fetchall()
        }


def _slots(journal: Journal, keys: Sequence[str]) -> dict[str, _Slot]:
    """Lock and read the conversations of a batch, and their current sessions. Three queries.

    The session is read by its own statement after the lock: joined under one lock, PostgreSQL gives it as it was before.
    """
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(_CONVERSATIONS.format(marks=marks(len(keys))) + lock, list(keys))
        conversations = [(as_uuid(row[0]), *row[1:4], row[4]) for row in cursor.fetchall()]
        if not conversations:
            return {}
        currents = [row[4] for row in conversations]
        cursor.execute(_SESSIONS.format(marks=marks(len(currents))), currents)
        rows = cursor.fetchall()
        tips = {row[0]: journal.tip(as_uuid(row[0]), *row[1:4]) for row in rows}
        damages = {row[0]: row[4:] for row in rows}
        cursor.execute(_OPEN_RUNS.format(marks=marks(len(currents))), currents)
        waiting = dict(cursor.fetchall())
    return {
        key: _Slot(
            journal.head(pk, key, last_event), owner_id, tips[current], waiting.get(current, 0), *damages[current]
        )
        for pk, key, owner_id, last_event, current in conversations
    }


_KNOWN = (
    "SELECT r.request_id, r.actor, r.request_digest, r.id, r.session_id, r.input_seq, c.key FROM sessions_app_run r "
    "JOIN sessions_app_session s ON s.id = r.session_id JOIN sessions_app_conversation c ON c.id = s.conversation_id "
    "WHERE r.request_id IN ({marks})"
)
_CONVERSATIONS = (
    "SELECT id, key, owner_id, last_event, current_session_id FROM sessions_app_conversation "
    "WHERE key IN ({marks}) AND current_session_id IS NOT NULL ORDER BY id"
)
_SESSIONS = (
    "SELECT id, last_seq, messages, digest, damaged_from, damage FROM sessions_app_session WHERE id IN ({marks})"
)
# the states stand as literals: with parameters SQLite cannot see that the partial index covers them
_OPEN_RUNS = (
    "SELECT session_id, COUNT(*) FROM sessions_app_run WHERE session_id IN ({marks}) AND state IN ('queued', 'running') "
    "GROUP BY session_id"
)
