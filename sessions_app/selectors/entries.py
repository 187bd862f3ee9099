"""Entries as the wire has them, joined with the runs of their turns."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sessions_app.models import Entry, Run
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Json, Role


def entries_json(entries: list[Entry]) -> list[Json]:
    """Entries with their runs: a user entry with the newest attempt of its turn, an answer with the run that wrote it.

    One query, two when there are answers among them.
    """
    by_turn = _attempts(entry for entry in entries if entry.role == Role.USER)
    written = {entry.run_id for entry in entries if entry.run_id and entry.role != Role.USER}
    by_id = {run.pk: run for run in Run.objects.filter(pk__in=written)} if written else {}
    result = []
    for entry in entries:
        run = (
            by_turn.get((entry.session_id, entry.seq))
            if entry.role == Role.USER
            else by_id.get(entry.run_id)
            if entry.run_id
            else None
        )
        result.append(entry_json(entry, run))
    return result


def entry_json(entry: Entry, run: Run | None) -> Json:
    """One entry: {seq, kind, role, text, runId, createdAt, data, sessionId, run}."""
    return {
        "seq": entry.seq,
        "kind": entry.kind,
        "role": entry.role or None,
        "text": entry.text,
        "runId": str(entry.run_id) if entry.run_id else None,
        "createdAt": wire_time(entry.created_at),
        "data": entry.data,
        "sessionId": str(entry.session_id),
        "run": run_json(run) if run else None,
    }


def run_json(run: Run) -> Json:
    """One run: {runId, state, error, inputSeq, answerSeq, retryOf, startedAt, finishedAt}."""
    return {
        "runId": str(run.pk),
        "state": run.state,
        "error": run.error,
        "inputSeq": run.input_seq,
        "answerSeq": run.answer_seq,
        "retryOf": str(run.retry_of_id) if run.retry_of_id else None,
        "startedAt": wire_time(run.started_at),
        "finishedAt": wire_time(run.finished_at),
    }


def _attempts(entries: Iterable[Entry]) -> dict[tuple[UUID, int], Run]:
    """The newest attempt of each turn. One query."""
    wanted: dict[UUID, list[int]] = {}
    for entry in entries:
        wanted.setdefault(entry.session_id, []).append(entry.seq)
    newest: dict[tuple[UUID, int], Run] = {}
    for session_id, seqs in wanted.items():
        for run in Run.objects.filter(session_id=session_id, input_seq__in=seqs).order_by("created_at"):
            newest[session_id, run.input_seq] = run
    return newest
