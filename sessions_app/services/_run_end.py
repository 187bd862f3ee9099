"""How a run ends, by whatever end: its text becomes one entry, its row gets its final state, watchers are told.

Finish, abort, a reset that stops it, and recovery after a crash all end a run here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from sessions_app.models import Run
from sessions_app.services._sql import db_json, db_time, db_uuid
from sessions_app.services.journal import Head, Journal, NewEntry, Tip
from sessions_app.values import OPEN_RUN_STATES, EntryKind, EventType, HookType, Json, Role, RunState

CHAT_STATES = {
    RunState.DONE: "final",
    RunState.FAILED: "error",
    RunState.ABORTED: "aborted",
    RunState.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A running run, and where it writes."""

    head: Head
    tip: Tip
    run_id: UUID
    input_seq: int


class RunEnds:
    """The run rows that end in one transaction. Use with its journal; `write` after all were added."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: list[tuple[Any, ...]] = []

    def add(
        self,
        place: RunPlace,
        state: RunState,
        *,
        text: str,
        error: Json | None = None,
        facts: Json | None = None,
    ) -> int | None:
        """End one running run.

        Args:
            place: the run; the caller has checked that it is running.
            state: done, failed, aborted or interrupted.
            text: the answer, whole or as far as it came.
            error: {kind, message} when it failed.
            facts: more for the entry's data, e.g. model, leftOut.

        Returns:
            The seq of the answer's entry; None when there was no text.
        """
        seq = None
        if text:
            data: Json = {"state": CHAT_STATES[state], **(facts or {})}
            if error:
                data["error"] = error
            seq = self._journal.entry_with_event(
                place.head, place.tip, NewEntry(EntryKind.MESSAGE, Role.ASSISTANT, text, data, place.run_id)
            )
        payload: Json = {
            "runId": str(place.run_id),
            "sessionId": str(place.tip.session_id),
            "state": CHAT_STATES[state],
            "inputSeq": place.input_seq,
            "entrySeq": seq,
        }
        if error:
            payload["error"] = error
        self._journal.event(place.head, EventType.CHAT, payload)
        self._journal.hook(
            HookType.RUN_END, session_id=place.tip.session_id, session_key=place.head.session_key, payload=payload
        )
        self._rows.append(
            (
                str(state),
                seq,
                error and db_json(error),
                "",
                db_time(self._journal.now),
                db_uuid(place.run_id),
                str(RunState.RUNNING),
            )
        )
        return seq

    def withdraw(self, head: Head, run: Run) -> None:
        """End one queued run without an answer."""
        self._journal.event(head, EventType.RUN_CHANGED, run_payload(run, RunState.WITHDRAWN))
        now = db_time(self._journal.now)
        self._rows.append((str(RunState.WITHDRAWN), None, None, "", now, db_uuid(run.pk), str(RunState.QUEUED)))

    def write(self) -> None:
        """Write the run rows."""
        if self._rows:
            with connection.cursor() as cursor:
                cursor.executemany(_UPDATE_RUN, self._rows)


def run_payload(run: Run, state: RunState) -> Json:
    """Payload of `run.changed`."""
    return {"runId": str(run.pk), "sessionId": str(run.session_id), "state": str(state), "inputSeq": run.input_seq}


def open_runs(session_id: UUID) -> list[Run]:
    """The running and queued runs of a session, oldest turn first. One query.

    The states stand as literals: with parameters SQLite cannot see that the partial index covers them. Sorted here: asked for the
    order, it would walk all runs the session ever had.
    """
    sql = "SELECT * FROM sessions_app_run WHERE session_id = %s AND state IN ('queued', 'running')"
    return sorted(Run.objects.raw(sql, [db_uuid(session_id)]), key=lambda run: (run.input_seq, run.created_at))


def runs_stop(journal: Journal, head: Head, tip: Tip, runs: list[Run]) -> frozenset[UUID]:
    """End every open run of a session: a running one keeps its partial text as an entry marked aborted, queued ones are withdrawn.

    Returns:
        The runs whose task must be stopped after COMMIT.
    """
    ends = RunEnds(journal)
    stopped = set()
    for run in runs:
        assert run.state in OPEN_RUN_STATES
        if run.state == RunState.RUNNING:
            ends.add(RunPlace(head, tip, run.pk, run.input_seq), RunState.ABORTED, text=run.partial)
            stopped.add(run.pk)
        else:
            ends.withdraw(head, run)
    ends.write()
    return frozenset(stopped)


_UPDATE_RUN = "UPDATE sessions_app_run SET state = %s, answer_seq = %s, error = %s, partial = %s, finished_at = %s WHERE id = %s AND state = %s"
