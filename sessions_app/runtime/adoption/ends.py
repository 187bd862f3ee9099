"""Sessions that were current when they were adopted, and that their source put aside since: when and why is told by its archive."""

from __future__ import annotations

import datetime
from uuid import UUID

from sessions_app.models import Session
from sessions_app.rescue.names import FileKind
from sessions_app.rescue.plan import Plan
from sessions_app.runtime.pacing import called
from sessions_app.services.adopt_marks import adopted_end_note
from sessions_app.values import Actor, Trigger

_AT_ONCE = 500


def ends_noted(actor: Actor, plan: Plan) -> None:
    """Let archives here say when and why they ended there, where only an adoption has put them aside here."""
    told: dict[UUID, tuple[datetime.datetime, str]] = {}
    for strand in plan.strands:
        is_aside = strand.about.kind in (FileKind.RESET, FileKind.DELETED) and strand.part == "main"
        is_aside = is_aside or strand.part == "stretch"
        if is_aside and strand.stored is not None and strand.session_id is not None and strand.ended_at is not None:
            told[strand.session_id] = (strand.ended_at, strand.end_reason)
    ids = list(told)
    for begin in range(0, len(ids), _AT_ONCE):
        rows = Session.objects.filter(pk__in=ids[begin : begin + _AT_ONCE], end_trigger=Trigger.IMPORT)
        for session_id, ended_at, reason in list(rows.values_list("pk", "ended_at", "end_reason")):
            if (ended_at, reason) != told[session_id]:
                at, why = told[session_id]
                called(actor, adopted_end_note, session_id=session_id, ended_at=at, end_reason=why)
