"""Carrying out a plan: look again, back up, repair. Nothing is deleted."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ConfirmationStaleError, InvalidParamsError
from sessions_app.models import AuditEvent, AuditHead
from sessions_app.runtime import writers
from sessions_app.runtime.backup import backup_make
from sessions_app.runtime.bootstrap import rows_ready
from sessions_app.runtime.data_lock import DataDirBusyError, serving_lock
from sessions_app.runtime.doctor.examination import examine
from sessions_app.runtime.doctor.salvage import database_salvage
from sessions_app.runtime.doctor.source import database_path
from sessions_app.selectors.audit_chain import GENESIS_HASH
from sessions_app.services.repairs import doctor_apply
from sessions_app.values import Actor, Call, Command, Json, Trigger

BACKUPS_NAME = "backups"


def plan_apply(actor: Actor, plan: str, *, trigger: Trigger, deep: bool = True, without_backup: bool = False) -> Json:
    """Carry out the plan of an examination, after a backup. A server may run.

    Args:
        actor: who; needs `manage`.
        plan: the plan's id; things must still be as they were when it was made.
        trigger: by which way.
        deep: as the examination that made the plan.
        without_backup: the caller has one; needed on PostgreSQL, whose backups Holdfast does not make.

    Returns:
        {plan, backup, auditId, repaired, skipped, failed, left: examination}; `left` is what is found now.

    Raises:
        ConfirmationStaleError: the findings are others by now; details carry them.
        InvalidParamsError: there is nothing to apply, or no backup can be made.
        StorageUnavailableError: the database did not take it; nothing was changed.
        ForbiddenError, UnauthenticatedError: the actor may not manage.
    """
    access.require(actor, Action.MANAGE)
    examination = examine(deep=deep)
    if not examination.plan:
        raise InvalidParamsError("There is nothing the doctor could repair.", **examination.as_json())
    if plan != examination.plan:
        words = f"What is wrong has changed since plan {plan[:20]} was made. Nothing was done; the plan is now {examination.plan}."
        raise ConfirmationStaleError(words, **examination.as_json())
    backup = "" if without_backup else _backed_up(plan)
    if any(finding.repair.get("do") == "salvage" for finding in examination.findings):
        return _salvaged(actor, plan, backup, trigger, deep=deep)
    repairs, changed = [], 0
    for finding in examination.findings:
        if finding.repair.get("do") == "chmod":
            Path(finding.repair["path"]).chmod(finding.repair["mode"])
            changed += 1
        elif finding.repair:
            item = {"id": finding.id, "code": finding.code, "where": finding.where, "repair": finding.repair}
            repairs.append(item)
    params = {"plan": plan, "repairs": repairs, "backup": backup}
    done = writers.current().call(Command(doctor_apply, Call(actor, trigger), params))
    left = examine(deep=deep)
    return {"plan": plan, "backup": backup, **done, "repaired": done["repaired"] + changed, "left": left.as_json()}


def _salvaged(actor: Actor, plan: str, backup: str, trigger: Trigger, *, deep: bool) -> Json:
    """Broken pages come first: what else was found may look otherwise in the new file, so it is examined again."""
    path = database_path()
    assert path is not None
    try:
        with serving_lock(settings.DATA_DIR, host="", port=0):
            connection.close()
            made = database_salvage(path)
            rows_ready()
            item = {"id": plan, "code": "database_broken", "where": made, "repair": {"do": "salvage"}}
            params = {"plan": plan, "repairs": [item, *_head_mended()], "backup": backup}
            done = writers.current().call(Command(doctor_apply, Call(actor, trigger), params))
    except DataDirBusyError as error:
        raise InvalidParamsError(
            "The database file has broken pages. Stop the server, then apply this plan again. Nothing was changed.",
            plan=plan,
        ) from error
    return {"plan": plan, "backup": backup, **done, "left": examine(deep=deep).as_json()}


def _head_mended() -> list[Json]:
    """The repair of an audit head whose newest rows lay on a broken page: without it nothing could be written into the log."""
    head, last = AuditHead.objects.filter(pk=1).first(), AuditEvent.objects.order_by("-seq").first()
    was = [head.last_seq, head.hash] if head else None
    to = [last.seq, last.hash] if last else [0, GENESIS_HASH]
    if was == to:
        return []
    repair = {"do": "audit_head", "was": was, "to": to}
    return [{"id": "audit_head_wrong", "code": "audit_head_wrong", "where": {}, "repair": repair}]


def _backed_up(plan: str) -> str:
    if connection.vendor != "sqlite":
        raise InvalidParamsError(
            "This Holdfast uses PostgreSQL: make a backup with pg_dump first, then say so with --without-backup."
        )
    place = settings.DATA_DIR / BACKUPS_NAME
    place.mkdir(mode=0o700, exist_ok=True)
    name = f"before-doctor-{timezone.now():%Y%m%dT%H%M%S.%fZ}-{plan}.tar.gz"
    return str(backup_make(place / name)["path"])
