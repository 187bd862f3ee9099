"""A job as files: `DATA_DIR/rescue/<id>/job.json` says what was asked and what became of it. It outlives the page and the server."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from sessions_app.errors import NotFoundError
from sessions_app.rescue.listed import json_pieces
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Json

JOB_NAME, CANCEL_NAME, OUTCOME_NAME = "job.json", "cancel", "outcome.json"
STOPPED_WORDS = "The server stopped meanwhile. Nothing is lost: start it again, it goes on from what is there."


class JobKind(StrEnum):
    """What a job does."""

    SCAN = "scan"
    ADOPT = "adopt"
    REPAIR_PLAN = "repair-plan"
    REPAIR = "repair"
    UNDO = "undo"


class JobState(StrEnum):
    """Life of a job. Waiting and running are open, the others final."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        user_id, by: who asked for it, and is accountable for it.
        path: the directory it is about; "" for an upload.
        upload: file name of the uploaded archive; "" for a path.
        of: the scan it belongs to; None for a scan.
        wish: what was asked for, in the words of its kind.
        words: why it ended otherwise than well, for a person.
        times: when it was asked for, begun and ended; ISO 8601.
    """

    id: UUID
    kind: JobKind
    user_id: int
    by: str
    path: str = ""
    upload: str = ""
    of: UUID | None = None
    wish: Json = field(default_factory=dict)
    state: JobState = JobState.WAITING
    words: str = ""
    times: Json = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return jobs_folder() / str(self.id)

    @property
    def is_open(self) -> bool:
        """Whether it is still to be carried out."""
        return self.state in (JobState.WAITING, JobState.RUNNING)

    @property
    def is_cancelling(self) -> bool:
        """Whether somebody wants it to end, and it has not yet."""
        return self.state is JobState.RUNNING and (self.folder / CANCEL_NAME).exists()

    @property
    def scan_id(self) -> UUID:
        """The scan it belongs to, or itself."""
        return self.of or self.id

    @property
    def name(self) -> str:
        """How people call what it is about."""
        return self.upload or self.path


def jobs_folder() -> Path:
    """Where all jobs lie; made when it is missing."""
    folder: Path = settings.DATA_DIR / "rescue"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def job_read(job_id: UUID) -> Job:
    """A job as it is now.

    Raises:
        NotFoundError: there is none.
    """
    job = _stored(job_id)
    if job.state is JobState.RUNNING and not is_busy():
        job = _stored(job_id)  # it may have ended just now
        if job.state is JobState.RUNNING:
            return replace(job, state=JobState.INTERRUPTED, words=STOPPED_WORDS)
    return job


def _stored(job_id: UUID) -> Job:
    found = json_read(jobs_folder() / str(job_id) / JOB_NAME)
    try:
        known = {"id": job_id, "kind": JobKind(found["kind"]), "state": JobState(found["state"])}
        return Job(**{**found, **known, "of": UUID(found["of"]) if found["of"] else None})
    except (KeyError, TypeError, ValueError) as error:
        raise NotFoundError("There is no such rescue job. It may have been deleted.", jobId=str(job_id)) from error


def job_write(job: Job) -> Job:
    """Store a job, whole or not at all."""
    job.folder.mkdir(mode=0o700, exist_ok=True)
    json_write(job.folder / JOB_NAME, {name: str(v) if isinstance(v, UUID) else v for name, v in asdict(job).items()})
    return job


def job_moved(job: Job, state: JobState, words: str = "") -> Job:
    """Store another state, with the time."""
    name = {JobState.WAITING: "asked", JobState.RUNNING: "began"}.get(state, "ended")
    return job_write(replace(job, state=state, words=words, times={**job.times, name: wire_time(timezone.now())}))


def jobs_all() -> list[Job]:
    """Every job, the newest first."""
    found = []
    for folder in jobs_folder().iterdir():
        try:
            found.append(job_read(UUID(folder.name)))
        except (ValueError, NotFoundError):
            continue  # the lock, or a job that is being made or deleted
    return sorted(found, key=lambda job: (job.times.get("asked", ""), str(job.id)), reverse=True)


def job_forget(job: Job) -> None:
    """Delete everything of a job, an unpacked upload too."""
    (job.folder / JOB_NAME).unlink(missing_ok=True)  # first: from here on there is no such job
    shutil.rmtree(job.folder, ignore_errors=True)


def json_write(path: Path, document: Any) -> None:
    """A JSON file, replaced in one step and on the disk before that."""
    whole = path.with_name(f"{path.name}.new")
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(json_pieces(document))  # ASCII: names that are no UTF-8 survive
        file.flush()
        os.fsync(file.fileno())
    whole.replace(path)


def json_read(path: Path) -> Json:
    """What a JSON file says; {} when there is none, or it says something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def busy_lock() -> int | None:
    """Take the lock of the one job that may run in this data directory; a descriptor that a child may inherit, None when it is taken."""
    descriptor = os.open(jobs_folder() / "busy.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_busy() -> bool:
    """Whether a job runs now. The lock is the operating system's: it is gone when server and job are, however they ended."""
    descriptor = os.open(jobs_folder() / "busy.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
