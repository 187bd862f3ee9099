"""What people may ask of the Rescue page. Everything needs `manage`; what takes long becomes a job that waits for its turn."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError, NotFoundError
from sessions_app.models import User
from sessions_app.rescue.places import directory_checked, printable
from sessions_app.runtime.process import current_if_any
from sessions_app.runtime.rescue_jobs.job import (
    CANCEL_NAME,
    Job,
    JobKind,
    JobState,
    job_forget,
    job_moved,
    job_read,
    jobs_all,
    jobs_folder,
)
from sessions_app.values import Actor, Json

_NAMESPACE = uuid.UUID("3f0f2b51-6a55-5d5e-8e0a-6d2c3f5f3a11")
UPLOAD_NAME, FILES_NAME = "upload", "files"
INCOMING_MAX_SECONDS = 3600


def job_id_of(actor: Actor, request_id: str) -> UUID:
    """The id of the job that a form makes: the same form makes one job, however often it is sent."""
    return uuid.uuid5(_NAMESPACE, f"{actor.id}/{request_id}")


def scan_ask(actor: Actor, *, path: str, request_id: str) -> Job:
    """Ask for a scan of a directory of the server's machine.

    Raises:
        NotFoundError, InvalidParamsError: it is no directory.
    """
    access.require(actor, Action.MANAGE)
    if not path.strip():
        raise InvalidParamsError("Say which directory, for example ~/.openclaw.", field="path")
    root = directory_checked(path.strip())
    return _asked(actor, JobKind.SCAN, request_id, path=printable(str(root)), wish={"path": str(root)})


def incoming_path(number: UUID) -> Path:
    """Where an upload is written while it comes. Those of connections that broke are deleted after an hour."""
    folder = jobs_folder()
    for left in folder.glob("incoming-*"):
        if time.time() - left.lstat().st_mtime > INCOMING_MAX_SECONDS:
            left.unlink(missing_ok=True)
    return folder / f"incoming-{number}"


def upload_ask(actor: Actor, *, uploaded: Path, name: str, request_id: str) -> Job:
    """Ask for a scan of an uploaded archive. The file moves into the job.

    Args:
        actor: who; needs `manage`.
        uploaded: where the archive was written, in the data directory.
        name: how it was called where it came from.
        request_id: of the form.
    """
    access.require(actor, Action.MANAGE)
    job_id = job_id_of(actor, request_id)
    with suppress(NotFoundError):
        return job_read(job_id)  # the same form once more
    folder = Job(job_id, JobKind.SCAN, 0, "").folder
    folder.mkdir(mode=0o700, exist_ok=True)
    uploaded.rename(folder / UPLOAD_NAME)
    shown = printable(name.replace("\\", "/").rsplit("/", 1)[-1])[-200:] or "archive"
    return _asked(actor, JobKind.SCAN, request_id, upload=shown)


def adopt_ask(actor: Actor, scan: Job, *, wish: Json, request_id: str) -> Job:
    """Ask for the adoption of a scanned store.

    Args:
        actor: who; needs `manage`.
        scan: the finished scan whose store it is.
        wish: {owner: username, keys: [session key], agent, makeCurrent}; no keys is all.
        request_id: of the form.

    Raises:
        NotFoundError: there is no such owner.
        InvalidParamsError: the scan is not done.
    """
    access.require(actor, Action.MANAGE)
    owner = User.objects.filter(username=wish.get("owner", ""), is_active=True).values_list("pk", flat=True).first()
    if owner is None:
        raise NotFoundError(f"There is no active account {str(wish.get('owner'))[:80]}.")
    return _of_scan(actor, JobKind.ADOPT, scan, request_id, {**wish, "ownerId": owner})


def repair_ask(actor: Actor, kind: JobKind, scan: Job, *, wish: Json, request_id: str) -> Job:
    """Ask for the plan of a repair in place, for the repair itself, or for its undoing.

    Raises:
        InvalidParamsError: the scan is not done, or is of an upload.
    """
    access.require(actor, Action.MANAGE)
    if scan.upload:
        raise InvalidParamsError("An upload is a copy: nothing is repaired in it. Adopt what it holds instead.")
    return _of_scan(actor, kind, scan, request_id, wish)


def may_again(job: Job) -> bool:
    """Whether a job that did not come to its end can be started again: what it is about must still be there."""
    if job.is_open or job.state is JobState.DONE:
        return False
    return (
        not job.upload
        or job.kind is not JobKind.SCAN
        or any((job.folder / name).exists() for name in (UPLOAD_NAME, FILES_NAME))
    )


def job_again(actor: Actor, job_id: UUID) -> Job:
    """Start a job again that was interrupted, cancelled or failed. What is there already is not made twice.

    Raises:
        InvalidParamsError: its upload is gone.
    """
    access.require(actor, Action.MANAGE)
    job = job_read(job_id)
    if not job.is_open and job.state is not JobState.DONE:
        if not may_again(job):
            raise InvalidParamsError("This archive could not be used and was deleted. Upload another one.")
        (job.folder / CANCEL_NAME).unlink(missing_ok=True)
        job = job_moved(job, JobState.WAITING)
        _wake()
    return job


def job_cancel(actor: Actor, job_id: UUID) -> Job:
    """Cancel a job. One that runs ends within a moment; what it stored so far stays, whole."""
    access.require(actor, Action.MANAGE)
    job = job_read(job_id)
    if job.state is JobState.WAITING:
        return job_moved(job, JobState.CANCELLED)
    if job.state is JobState.RUNNING:
        (job.folder / CANCEL_NAME).touch(mode=0o600)
    return job


def job_delete(actor: Actor, job_id: UUID) -> None:
    """Delete a scan with its upload, its report and the jobs of it. What was adopted stays, its original lines too.

    Raises:
        InvalidParamsError: one of them waits or runs.
    """
    access.require(actor, Action.MANAGE)
    job = job_read(job_id)
    doomed = [*jobs_of(job), job]
    if any(each.is_open for each in doomed):
        raise InvalidParamsError("Work on this store is not finished. Cancel it first, then delete.")
    for each in doomed:
        job_forget(each)


def jobs_of(scan: Job) -> list[Job]:
    """What was done with a scan, the newest first."""
    return [job for job in jobs_all() if job.of == scan.id]


def jobs_seen(actor: Actor) -> list[Job]:
    """Every job, the newest first."""
    access.require(actor, Action.MANAGE)
    return jobs_all()


def job_seen(actor: Actor, job_id: UUID) -> Job:
    """One job.

    Raises:
        NotFoundError: there is none.
    """
    access.require(actor, Action.MANAGE)
    return job_read(job_id)


def _of_scan(actor: Actor, kind: JobKind, scan: Job, request_id: str, wish: Json) -> Job:
    if scan.kind is not JobKind.SCAN or scan.state is not JobState.DONE:
        raise InvalidParamsError("Scan this store first; only what was read can be worked on.")
    return _asked(actor, kind, request_id, path=scan.path, upload=scan.upload, of=scan.id, wish=wish)


def _asked(actor: Actor, kind: JobKind, request_id: str, **facts: Any) -> Job:
    if actor.user_id is None or not request_id:
        raise InvalidParamsError("This form carries no request id. Load the page again; nothing was done.")
    job_id = job_id_of(actor, request_id)
    try:
        return job_read(job_id)
    except NotFoundError:
        job = job_moved(Job(job_id, kind, actor.user_id, actor.label, **facts), JobState.WAITING)
    _wake()
    return job


def _wake() -> None:
    process = current_if_any()
    if process is not None:
        process.rescue.wake()


def disk_used(job: Job) -> int:
    """Bytes that a job takes in the data directory."""
    total = 0
    for folder, _, names in os.walk(job.folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total
