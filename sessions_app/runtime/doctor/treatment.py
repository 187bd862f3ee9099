"""Carrying out a plan: look again, back up, repair. Nothing is deleted."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ConfirmationStaleError, InvalidParamsError
from sessions_app.runtime import writers
from sessions_app.runtime.backup import backup_make
from sessions_app.runtime.doctor.examination import examine
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


def _backed_up(plan: str) -> str:
    if connection.vendor != "sqlite":
        raise InvalidParamsError(
            "This Holdfast uses PostgreSQL: make a backup with pg_dump first, then say so with --without-backup."
        )
    place = settings.DATA_DIR / BACKUPS_NAME
    place.mkdir(mode=0o700, exist_ok=True)
    name = f"before-doctor-{timezone.now():%Y%m%dT%H%M%S.%fZ}-{plan}.tar.gz"
    return str(backup_make(place / name)["path"])
