"""What the doctor changes, as one verb: its plan, all of it in one transaction with its audit row. It deletes nothing.

Each repair looks first whether things are still as they were examined, and leaves them alone when they are not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from django.db import DatabaseError, transaction

from sessions_app import access
from sessions_app.access import Action
from sessions_app.services import _repairs_logs, _repairs_rows, _repairs_sessions
from sessions_app.services.audit import audit_record
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, AuditType, Call, Effects, Json

logger = logging.getLogger(__name__)

# a repair answers what it must make known, or None when there was nothing left to do
Repair = Callable[[Call, Json], Effects | None]


def _only_audited(_call: Call, _repair: Json) -> Effects:
    """The audit row of the plan is all of it."""
    return NO_EFFECTS


REPAIRS: dict[str, Repair] = {
    "guards": _repairs_rows.guards,
    "reindex": _repairs_rows.reindex,
    "audit_head": _repairs_logs.audit_head,
    "value": _repairs_rows.value,
    "events_cursor": _repairs_logs.events_cursor,  # before all that tell of something: a number used twice is refused
    "pointer": _repairs_sessions.pointer,  # before all that read conversations: a pointer that is no id would stop them
    "recreate": _repairs_sessions.recreate,
    "counters": _repairs_sessions.counters,
    "reopen": _repairs_sessions.reopen,
    "archive": _repairs_sessions.archive,
    "counts": _repairs_sessions.counts,
    "release": _repairs_sessions.release,
    "quarantine": _repairs_sessions.set_aside,
    "withdraw": _repairs_rows.withdraw,
    "interrupt": _repairs_rows.interrupt,
    "close_span": _repairs_rows.close_span,
    "redeliver": _repairs_rows.redeliver,
    "fill_events": _repairs_logs.fill_events,
    "salvage": _only_audited,  # done before, while nobody had the file open
    "acknowledge": _only_audited,
}
_ORDER = {name: place for place, name in enumerate(REPAIRS)}
_REPAIRS_TOLD = 200


@verb(audit=AuditType.DOCTOR_APPLIED, keeps_receipt=False)
def doctor_apply(call: Call, *, plan: str, repairs: Sequence[Json], backup: str) -> Answer:
    """Carry out a plan of the doctor.

    Args:
        call: who; needs `manage`.
        plan: id of the plan, for the record.
        repairs: {id, code, where, repair} for each finding of it.
        backup: where the backup made just before lies, for the record.

    Returns:
        {auditId, repaired, skipped, failed}: numbers; `skipped` was no longer as it had been found.

    Raises:
        ForbiddenError, UnauthenticatedError: the actor may not manage.

    Writes: as the plan says, AuditEvent +1; one transaction.
    """
    access.require(call.actor, Action.MANAGE)
    effects = NO_EFFECTS
    ended: dict[str, list[Json]] = {"repaired": [], "skipped": [], "failed": []}
    for item in sorted(repairs, key=lambda item: _ORDER[item["repair"]["do"]]):
        try:
            with transaction.atomic():
                done = REPAIRS[item["repair"]["do"]](call, item["repair"])
            effects |= done or NO_EFFECTS
            ended["skipped" if done is None else "repaired"].append(item)
        except (DatabaseError, LookupError, ValueError) as error:
            logger.warning("the repair of %s %s failed: %s", item["code"], item["where"], error)
            ended["failed"].append(item)
    told: Json = {name: len(items) for name, items in ended.items()}
    done_items = ended["repaired"]
    data: Json = {
        "plan": plan,
        "backup": backup,
        **told,
        "acknowledged": [item["id"] for item in done_items if item["repair"]["do"] == "acknowledge"],
        "done": [{name: item[name] for name in ("code", "where", "repair")} for item in done_items[:_REPAIRS_TOLD]],
    }
    audit = audit_record(call, AuditType.DOCTOR_APPLIED, data=data)
    return {"auditId": audit.seq, **told}, effects
