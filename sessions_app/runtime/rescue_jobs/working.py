"""What the process of a job does. It is started by the supervisor, tells how far it is, and may be ended at any moment."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import HoldfastError, NotFoundError, UnauthenticatedError
from sessions_app.models import User
from sessions_app.rescue.report import report_json
from sessions_app.rescue.scan import Store, store_read
from sessions_app.runtime.adoption import Wish, adopt, plan_made
from sessions_app.runtime.rescue_jobs.asking import FILES_NAME, UPLOAD_NAME
from sessions_app.runtime.rescue_jobs.job import OUTCOME_NAME, Job, JobKind, job_read, json_read, json_write
from sessions_app.runtime.rescue_jobs.progress import ProgressTold
from sessions_app.runtime.rescue_jobs.repairing import plan_work, repair_work, undo_work
from sessions_app.runtime.rescue_jobs.report_file import report_write
from sessions_app.runtime.rescue_jobs.unpacking import Limits, unpacked
from sessions_app.values import Actor, Json

NICE = 10
UNPACKED_NAME, FIRST_NAME = "unpacked.json", "first.json"


def process_made_harmless() -> None:
    """Others go first, and memory has an end: answers to people must not wait for a job."""
    os.nice(NICE)
    most = settings.RESCUE_MEMORY_MAX_BYTES
    if most:
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def job_work(job_id: UUID, parent: int | None = None) -> bool:
    """Carry out a job and leave its outcome in its folder.

    Args:
        job_id: of a job the supervisor just began.
        parent: its process; when it is gone the work ends.

    Returns:
        Whether it succeeded; the outcome says in words why not.
    """
    job = job_read(job_id)
    try:
        _WORK[job.kind](job, _actor(job), ProgressTold(job.folder, parent))
    except HoldfastError as error:
        outcome = {"ok": False, "words": error.message}
    except MemoryError:
        limit = settings.RESCUE_MEMORY_MAX_BYTES >> 20
        outcome = {
            "ok": False,
            "words": f"This needs more than {limit:,} MiB of memory (HOLDFAST_RESCUE_MEMORY_MAX_BYTES).",
        }
    except OSError as error:
        outcome = {"ok": False, "words": f"The disk said no: {error.strerror or error}."}
    else:
        outcome = {"ok": True}
    json_write(job.folder / OUTCOME_NAME, outcome)
    return bool(outcome["ok"])


def _actor(job: Job) -> Actor:
    """Who asked, as they stand now."""
    user = User.objects.filter(pk=job.user_id).first()
    if user is None:
        raise UnauthenticatedError
    actor = access.actor_for_user(user)
    access.require(actor, Action.MANAGE)
    return actor


def _scan(job: Job, actor: Actor, told: ProgressTold) -> None:
    with _store(job, told) as store:
        told("planning")
        plan, points = plan_made(store, _wish(job))
        _reported(job, report_json(plan, points), store)


def _adopt(job: Job, actor: Actor, told: ProgressTold) -> None:
    with _store(job, told) as store:
        told("planning")
        first = job.folder / FIRST_NAME

        def progress(done: int, total: int) -> None:
            if not first.exists():
                json_write(first, {"lines": total})
            told("adopting", done, total)

        report = adopt(store, actor, _wish(job), progress)
        before = max(json_read(first).get("lines", 0) - report["made"]["lines"], 0)
        _reported(job, {**report, "storedBefore": before}, store)


def _wish(job: Job) -> Wish:
    wish = job.wish
    return Wish(
        wish.get("ownerId", job.user_id),
        agent=wish.get("agent", ""),
        make_current=bool(wish.get("makeCurrent")),
        label=job.upload,
        keys=frozenset(wish.get("keys", ())),
    )


def _store(job: Job, told: ProgressTold) -> Store:
    root = store_root(job, told)
    return store_read(root, lambda done, total, path: told("reading", done, total, path))


def store_root(job: Job, told: ProgressTold) -> Path:
    """The directory a job is about; an upload is unpacked first, unless it was.

    Raises:
        NotFoundError: it was deleted.
        InvalidParamsError, TooLargeError: the archive is not taken.
    """
    scan = job if job.kind is JobKind.SCAN else job_read(job.scan_id)
    if not scan.upload:
        return Path(scan.wish["path"])
    archive, files = scan.folder / UPLOAD_NAME, scan.folder / FILES_NAME
    if json_read(scan.folder / UNPACKED_NAME) and files.is_dir():
        return files
    if not archive.is_file():
        raise NotFoundError("The upload was deleted. Upload it again.")
    shutil.rmtree(files, ignore_errors=True)
    limits = Limits(settings.RESCUE_UNPACKED_MAX_FILES, settings.RESCUE_UNPACKED_MAX_BYTES)
    try:
        facts = unpacked(archive, files, limits, lambda done, total, name: told("unpacking", done, total, name))
    except HoldfastError:
        shutil.rmtree(files, ignore_errors=True)
        archive.unlink(missing_ok=True)  # it can never be used
        raise
    json_write(scan.folder / UNPACKED_NAME, facts)
    archive.unlink()  # what it held lies beside it now
    return files


def _reported(job: Job, report: Json, store: Store) -> None:
    if job.upload:
        report["root"] = job.upload
        report["unpacked"] = json_read(job_read(job.scan_id).folder / UNPACKED_NAME)
    report_write(job.folder, report, store.ledger)


_WORK = {
    JobKind.SCAN: _scan,
    JobKind.ADOPT: _adopt,
    JobKind.REPAIR_PLAN: plan_work,
    JobKind.REPAIR: repair_work,
    JobKind.UNDO: undo_work,
}
