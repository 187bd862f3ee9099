"""Life of a run in the hands of the runner: claimed, saved while it streams, finished.

A run writes only into its own session, and only while its row says that it is the running one (law 7).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import connection

from sessions_app.services._run_end import RunEnds, RunPlace
from sessions_app.services._spans import spans_open
from sessions_app.services._sql import as_uuid, db_time, db_uuid, marks
from sessions_app.services.journal import Head, Journal
from sessions_app.services.perform import Settled, verb
from sessions_app.values import NO_EFFECTS, Answer, Call, Command, Effects, EventType, Json, RunState


@verb()
def runs_claim(call: Call, *, instance_id: UUID | None, limit: int) -> Answer:
    """Take queued runs for execution: the oldest turn of each session that has none running.

    Args:
        call: the system's.
        instance_id: the server that will run them.
        limit: at most so many.

    Returns:
        {runs: [{runId, conversationId, sessionKey, sessionId, agent, inputSeq, continues}]}.

    Writes: Run state, Span where none is open, Event +1 each.
    """
    del call
    journal = Journal()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMABLE, [limit])
        found = [
            (as_uuid(r), as_uuid(s), as_uuid(c), key, agent, seq, bool(goes_on))
            for r, s, c, key, agent, seq, goes_on in cursor.fetchall()
        ]
        heads = _heads(journal, {row[2] for row in found})
        claimed = []
        for run, session, conversation, key, agent, seq, continues in found:
            cursor.execute(
                _CLAIM, [instance_id and db_uuid(instance_id), db_time(journal.now), db_uuid(run), db_uuid(session)]
            )
            if cursor.rowcount != 1:
                continue  # another process was faster
            payload: Json = {"runId": str(run), "sessionId": str(session), "state": "running", "inputSeq": seq}
            journal.event(heads[conversation], EventType.RUN_CHANGED, payload)
            claimed.append(
                {
                    "runId": str(run),
                    "conversationId": str(conversation),
                    "sessionKey": key,
                    "sessionId": str(session),
                    "agent": agent,
                    "inputSeq": seq,
                    "continues": continues,
                }
            )
    if not claimed:
        return {"runs": []}, NO_EFFECTS
    spans_open(journal, {UUID(row["sessionId"]) for row in claimed}, instance_id=instance_id)
    return {"runs": claimed}, journal.write()


@verb(keeps_receipt=False)
def partials_save(call: Call, *, partials: Mapping[UUID, str]) -> Answer:
    """Store what streaming answers have so far, so that even a killed server keeps what was seen.

    Args:
        call: the system's.
        partials: text by run; runs that no longer run are left alone.
    """
    del call
    with connection.cursor() as cursor:
        cursor.executemany(_SAVE_PARTIAL, [(text, db_uuid(run)) for run, text in partials.items()])
    return {"saved": len(partials)}, NO_EFFECTS


def turns_finish(commands: Sequence[Command]) -> list[Settled]:
    """End many runs in few statements: three reads, five writes.

    Raises:
        DatabaseError: nothing was written; take them one by one.
    """
    journal = Journal()
    places = _places(journal, [c.params["run_id"] for c in commands])
    ends = RunEnds(journal)
    answers: list[Json] = []
    for command in commands:
        params = command.params
        place = places.pop(params["run_id"], None)
        if place is None:  # it was stopped, or ended before: its late words have no place
            answers.append({"runId": str(params["run_id"]), "late": True, "entrySeq": None})
            continue
        error, facts = params.get("error"), params.get("facts")
        seq = ends.add(place, params["state"], text=params["text"], error=error, facts=facts)
        answers.append({"runId": str(params["run_id"]), "late": False, "entrySeq": seq})
    ends.write()
    effects = journal.write() | Effects(wake_runner=True)
    return [Settled(answer, effects) for answer in answers]


@verb(keeps_receipt=False, many=turns_finish)
def turn_finish(
    call: Call, *, run_id: UUID, state: RunState, text: str, error: Json | None = None, facts: Json | None = None
) -> Answer:
    """End a running run: its text becomes one entry, its row gets its final state.

    Args:
        call: the system's.
        run_id: the run.
        state: done, failed, aborted or interrupted.
        text: the answer, whole or as far as it came; with none there is no entry.
        error: {kind, message}, words a person can act on.
        facts: more for the entry's data.

    Returns:
        {runId, entrySeq, late}; `late` when the run was no longer running, and nothing was written.
    """
    params = {"run_id": run_id, "state": state, "text": text, "error": error, "facts": facts}
    settled = turns_finish([Command(turn_finish, call, params)])[0]
    return settled.result(), settled.effects


def _heads(journal: Journal, conversation_ids: set[UUID]) -> dict[UUID, Head]:
    """Lock conversations in the order of their ids and read their heads. One query."""
    if not conversation_ids:
        return {}
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(_HEADS.format(marks=marks(len(conversation_ids))) + lock, [db_uuid(i) for i in conversation_ids])
        rows = cursor.fetchall()
    return {as_uuid(pk): journal.head(as_uuid(pk), key, last_event) for pk, key, last_event in rows}


def _places(journal: Journal, run_ids: Sequence[UUID]) -> dict[UUID, RunPlace]:
    """Where running runs write: head and tip, read under the conversations' locks. Three queries."""
    with connection.cursor() as cursor:
        cursor.execute(_WHERE.format(marks=marks(len(run_ids))), [db_uuid(i) for i in run_ids])
        heads = _heads(journal, {as_uuid(row[0]) for row in cursor.fetchall()})
        cursor.execute(_RUNNING.format(marks=marks(len(run_ids))), [db_uuid(i) for i in run_ids])
        places: dict[UUID, RunPlace] = {}
        for run, session, conversation, last_seq, messages, last_digest, input_seq in cursor.fetchall():
            tip = journal.tip(as_uuid(session), last_seq, messages, last_digest)
            places[as_uuid(run)] = RunPlace(heads[as_uuid(conversation)], tip, as_uuid(run), input_seq)
        return places


_CLAIMABLE = """
    SELECT r.id, r.session_id, c.id, c.key, c.agent, r.input_seq, r.continues
    FROM sessions_app_run r
    JOIN sessions_app_session s ON s.id = r.session_id JOIN sessions_app_conversation c ON c.id = s.conversation_id
    WHERE r.state IN ('queued', 'running') AND r.state = 'queued'
    AND NOT EXISTS (SELECT 1 FROM sessions_app_run o WHERE o.session_id = r.session_id AND o.state IN ('queued', 'running')
        AND (o.state = 'running' OR o.input_seq < r.input_seq))
    ORDER BY r.created_at LIMIT %s
"""
_CLAIM = """
    UPDATE sessions_app_run SET state = 'running', instance_id = %s, started_at = %s WHERE id = %s AND state = 'queued'
    AND NOT EXISTS (SELECT 1 FROM sessions_app_run o WHERE o.session_id = %s AND o.state = 'running')
"""
_SAVE_PARTIAL = "UPDATE sessions_app_run SET partial = %s WHERE id = %s AND state = 'running'"
_HEADS = "SELECT id, key, last_event FROM sessions_app_conversation WHERE id IN ({marks}) ORDER BY id"
_WHERE = "SELECT DISTINCT s.conversation_id FROM sessions_app_run r JOIN sessions_app_session s ON s.id = r.session_id WHERE r.id IN ({marks})"
_RUNNING = (
    "SELECT r.id, s.id, s.conversation_id, s.last_seq, s.messages, s.digest, r.input_seq FROM sessions_app_run r "
    "JOIN sessions_app_session s ON s.id = r.session_id WHERE r.id IN ({marks}) AND r.state = 'running'"
)
