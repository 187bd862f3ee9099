"""The record of repairs in other systems' directories. The repair itself touches no row of ours (`rescue/repair`)."""

from __future__ import annotations

from sessions_app import access
from sessions_app.access import Action
from sessions_app.services.audit import audit_record
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, AuditType, Call, Json

_TOLD_MAX = 200


@verb(audit=AuditType.STORE_REPAIRED, keeps_receipt=False)
def store_repair_record(call: Call, *, root: str, report: Json, is_undo: bool = False) -> Answer:
    """Write down that a store was repaired in place, or that a repair was undone.

    Args:
        call: who, by which way; needs `manage`.
        root: the directory.
        report: of `rescue.repair.repair_apply` or `repair_undo`.
        is_undo: which of the two.

    Returns:
        {auditId}.

    Raises:
        ForbiddenError, UnauthenticatedError: the actor may not manage.

    Writes: AuditEvent +1.
    """
    access.require(call.actor, Action.MANAGE)
    names = ("restored", "removed", "kept") if is_undo else ("done", "shown", "problems")
    data: Json = {"root": root[:1000], "backup": str(report["backup"])[:1000]}
    data |= {name: [_clean(each) for each in report[name][:_TOLD_MAX]] for name in names}
    data |= {} if is_undo else {"verified": bool(report["verified"])}
    kind = AuditType.STORE_REPAIR_UNDONE if is_undo else AuditType.STORE_REPAIRED
    return {"auditId": audit_record(call, kind, data=data).seq}, NO_EFFECTS


def _clean(value: str | Json) -> str | Json:
    """Words that both engines can store."""
    if isinstance(value, dict):
        return {name: _clean(str(each)) for name, each in value.items()}
    return value.encode("utf-8", "replace").decode().replace("\x00", "")[:1000]
