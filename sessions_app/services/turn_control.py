"""What becomes of a turn after it was sent: its answer is stopped, withdrawn while it waits, tried again, or continued."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.canonical import digest
from sessions_app.errors import InvalidParamsError, NotFoundError, QueueFullError, SessionMovedError
from sessions_app.models import Conversation, Run, Session
from sessions_app.selectors.damage import damage_refuse
from sessions_app.services._run_end import RunEnds, RunPlace, open_runs, run_payload
from sessions_app.services._run_rows import run_row, runs_insert
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, QUEUE_MAX_RUNS, Answer, Call, Effects, EventType, RunState

CUT_OFF = (RunState.INTERRUPTED, RunState.ABORTED, RunState.FAILED)


@verb(stops_runs=True)
def run_abort(call: Call, *, session_key: str, run_id: UUID) -> Answer:
    """Stop a running answer and keep what is there, or withdraw a queued message.

    Returns:
        {aborted, runId, state}; `aborted` is false when the run had ended already.

    Raises:
        NotFoundError: no such run in this conversation.
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    conversation, run = _run_of(call, session_key, run_id)
    journal = Journal()
    head, ends = journal.head_of(conversation), RunEnds(journal)
    stopped: frozenset[UUID] = frozenset()
    if run.state == RunState.RUNNING:
        tip = journal.tip_of(Session.objects.get(pk=run.session_id))
        ends.add(RunPlace(head, tip, run.pk, run.input_seq), RunState.ABORTED, text=run.partial)
        stopped, state = frozenset({run.pk}), RunState.ABORTED
    elif run.state == RunState.QUEUED:
        ends.withdraw(head, run)
        state = RunState.WITHDRAWN
    else:
        return {"aborted": False, "runId": str(run_id), "state": run.state}, NO_EFFECTS
    ends.write()
    effects = journal.write() | Effects(wake_runner=True, stop_runs=stopped)
    return {"aborted": True, "runId": str(run_id), "state": str(state)}, effects


@verb()
def turn_retry(call: Call, *, session_key: str, session_id: UUID, run_id: UUID, continues: bool = False) -> Answer:
    """Queue another attempt of a turn that has ended.

    Args:
        call: who asks.
        session_key: the conversation.
        session_id: the session the caller believes to be current.
        run_id: the attempt that ended.
        continues: go on where that attempt was cut off, instead of answering anew.

    Returns:
        As `turn_submit`, with the new run's id and the same entrySeq.

    Raises:
        SessionMovedError: another session is current.
        NotFoundError: no such run in this session.
        ForbiddenError: the session is damaged and read-only.
        InvalidParamsError: the turn is still running or queued, or there is nothing to continue.
    """
    conversation, run = _run_of(call, session_key, run_id)
    current = conversation.current_session_id
    if current != session_id:
        raise SessionMovedError(sessionKey=session_key, oldSessionId=str(session_id), newSessionId=str(current))
    if run.session_id != session_id:  # a turn of the parent, or of an archived session: nothing moved under the caller
        raise NotFoundError("This answer belongs to another session of this conversation.", runId=str(run_id))
    session = Session.objects.get(pk=session_id)
    damage_refuse(session_key, session_id, session.damaged_from, session.damage)
    waiting = open_runs(session_id)
    if len(waiting) >= QUEUE_MAX_RUNS:
        raise QueueFullError(maxQueued=QUEUE_MAX_RUNS)
    if any(other.input_seq == run.input_seq for other in waiting):
        raise InvalidParamsError("This message is being answered already.", field="runId")
    if continues and (run.answer_seq is None or run.state not in CUT_OFF):
        raise InvalidParamsError(
            "This answer was not cut off, so there is nothing to continue. Use Retry.", field="continues"
        )
    journal = Journal()
    attempt = _attempt(call, journal, conversation, run, continues=continues)
    answer = {
        "runId": str(attempt.pk),
        "sessionKey": session_key,
        "sessionId": str(session_id),
        "entrySeq": run.input_seq,
    }
    return {**answer, "status": "accepted", "duplicate": False}, journal.write() | Effects(wake_runner=True)


@verb(keeps_receipt=False)
def turns_resume(call: Call, *, run_ids: Sequence[UUID], agents: Sequence[str]) -> Answer:
    """Try turns again by themselves that a stop cut off: once each, and only where agents.toml says so.

    Args:
        call: the system's; the attempt says so, and is not resumed again when it is cut off too.
        run_ids: runs that were interrupted.
        agents: names of the agents whose turns are resumed.

    Returns:
        {resumed}: how many.
    """
    cut = Run.objects.filter(pk__in=run_ids, state=RunState.INTERRUPTED, session__conversation__agent__in=agents)
    cut = cut.exclude(actor=call.actor.ref)
    owners = set(cut.values_list("session__conversation", flat=True))
    locked = {row.pk: row for row in Conversation.objects.select_for_update().filter(pk__in=owners).order_by("pk")}
    runs = [
        run for run in cut.select_related("session").order_by("created_at") if run.session.conversation_id in locked
    ]
    here = [run for run in runs if locked[run.session.conversation_id].current_session_id == run.session_id]
    journal = Journal()
    for run in here:
        mine = dataclasses.replace(call, request_id=f"resume:{run.pk}")
        _attempt(mine, journal, locked[run.session.conversation_id], run, continues=False)
    return {"resumed": len(here)}, journal.write() | Effects(wake_runner=bool(here))


def _attempt(call: Call, journal: Journal, conversation: Conversation, run: Run, *, continues: bool) -> Run:
    """Queue another attempt of a run's turn."""
    attempt = Run(pk=uuid.uuid4(), session_id=run.session_id, input_seq=run.input_seq)
    row = run_row(
        call,
        run_id=attempt.pk,
        session_id=run.session_id,
        input_seq=run.input_seq,
        content=digest(["retry", conversation.key, str(run.session_id), str(run.pk), continues]),
        now=journal.now,
        retry_of=run.pk,
        continues=continues,
    )
    runs_insert([row])
    journal.event(journal.head_of(conversation), EventType.RUN_CHANGED, run_payload(attempt, RunState.QUEUED))
    return attempt


def _run_of(call: Call, session_key: str, run_id: UUID) -> tuple[Conversation, Run]:
    conversation = access.conversation(call.actor, Action.CHAT, session_key, lock=True)
    run = Run.objects.filter(pk=run_id, session__conversation=conversation).first()
    if run is None:
        raise NotFoundError("There is no such answer in this conversation.", runId=str(run_id))
    return conversation, run
