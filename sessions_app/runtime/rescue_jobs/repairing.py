"""Jobs that repair a store in place: the plan, carrying it out, undoing it. The engine is `rescue.repair`; here it gets a record."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sessions_app.rescue.repair import RepairWish, repair_apply, repair_plan, repair_undo
from sessions_app.runtime import writers
from sessions_app.runtime.rescue_jobs.job import Job, JobKind, JobState, job_read, json_read, json_write
from sessions_app.runtime.rescue_jobs.progress import ProgressTold
from sessions_app.runtime.rescue_jobs.report_file import JSON_NAME
from sessions_app.services.store_repairs import store_repair_record
from sessions_app.values import Actor, Call, Command, Json, Trigger

BEGAN_NAME = "began"


def plan_work(job: Job, _actor: Actor, told: ProgressTold) -> None:
    """Plan a repair; `report.json` is the plan."""
    told("planning")
    json_write(job.folder / JSON_NAME, repair_plan(job_read(job.scan_id).wish["path"], RepairWish(**job.wish)))


def repair_work(job: Job, actor: Actor, told: ProgressTold) -> None:
    """Carry out the plan that somebody confirmed. A second time it ends what the first left unfinished."""
    plan = json_read(job_read(UUID(job.wish["plan"])).folder / JSON_NAME)
    began = job.folder / BEGAN_NAME
    if began.exists():
        told("planning")
        again = repair_plan(plan["root"], RepairWish(**plan["wish"]))
        plan = again if again["resumes"] else plan
    began.touch(mode=0o600)
    report = repair_apply(plan, progress=lambda words: told("repairing", what=words))
    if report["changed"]:
        _recorded(actor, root=plan["root"], report=report)
    json_write(job.folder / JSON_NAME, {**report, "root": plan["root"], "warnings": plan.get("warnings", [])})


def undo_work(job: Job, actor: Actor, told: ProgressTold) -> None:
    """Bring back what was there before a repair."""
    force = bool(job.wish.get("force"))
    report = repair_undo(job.wish["backup"], force=force, progress=lambda words: told("repairing", what=words))
    _recorded(actor, root=report["root"], report=report, is_undo=True)
    json_write(job.folder / JSON_NAME, report)


def repair_facts(job: Job) -> Json:
    """What a plan, a repair or an undoing says of itself; {} before its end."""
    return json_read(job.folder / JSON_NAME)


def undoing_of(repair: Job, work: list[Job]) -> Job | None:
    """The job that undid a repair, if one did; `work` is what was done with the same scan."""
    backup = repair_facts(repair).get("backup")
    undoings = (each for each in work if each.kind is JobKind.UNDO and each.state is JobState.DONE)
    return next((each for each in undoings if backup and each.wish.get("backup") == backup), None)


def undoable(work: list[Job]) -> list[Job]:
    """The repairs among jobs that changed something and can still be undone, the newest first."""
    repairs = (each for each in work if each.kind is JobKind.REPAIR and each.state is JobState.DONE)
    return [each for each in repairs if repair_facts(each).get("changed") and undoing_of(each, work) is None]


def _recorded(actor: Actor, **params: Any) -> None:
    writers.current().call(Command(store_repair_record, Call(actor, Trigger.UI_BUTTON), params))
