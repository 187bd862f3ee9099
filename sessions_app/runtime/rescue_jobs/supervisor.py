"""Runs waiting jobs beside the server, one at a time, each in a process of its own that can be ended without harm."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from uuid import UUID

from django.conf import settings

from sessions_app.runtime.rescue_jobs.job import (
    CANCEL_NAME,
    OUTCOME_NAME,
    STOPPED_WORDS,
    Job,
    JobState,
    busy_lock,
    job_moved,
    job_read,
    jobs_all,
    json_read,
)

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
END_SECONDS = 5.0
_DIED_WORDS = "The work ended without a word (exit code {code}). Start it again; it goes on from what is there."


class Supervisor:
    """One of them belongs to each serving process. Its thread sleeps while no job waits."""

    def __init__(self) -> None:
        self._wanted, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._forever, name="rescue-jobs", daemon=True)

    def start(self) -> None:
        """Begin; jobs that waited when the server stopped are carried out now."""
        self._wanted.set()
        self._thread.start()

    def wake(self) -> None:
        """A job was asked for."""
        self._wanted.set()

    def stop(self) -> None:
        """End the job that runs, which then is interrupted, and the thread. Jobs that wait stay waiting."""
        self._stopping.set()
        self._wanted.set()
        if self._thread.ident is not None:
            self._thread.join(END_SECONDS * 2)

    def _forever(self) -> None:
        while self._wanted.wait() and not self._stopping.is_set():
            self._wanted.clear()
            try:
                self.run_waiting()
            except Exception:
                logger.exception("a rescue job could not be run")

    def run_waiting(self) -> None:
        """Carry out every job that waits, the oldest first, until none is left or the server stops."""
        while not self._stopping.is_set():
            waiting = [job for job in jobs_all() if job.state is JobState.WAITING]
            if not waiting:
                return
            lock = busy_lock()
            if lock is None:  # of another process, which is about to notice that its server is gone
                self._stopping.wait(LOOK_SECONDS)
                continue
            try:
                self._run(waiting[-1].id, lock)
            finally:
                os.close(lock)

    def _run(self, job_id: UUID, lock: int) -> None:
        job = job_read(job_id)
        if job.state is not JobState.WAITING:
            return
        (job.folder / OUTCOME_NAME).unlink(missing_ok=True)
        job = job_moved(job, JobState.RUNNING)
        process = _spawned(job, lock)
        ended_by = self._watched(job, process)
        shutil.rmtree(job.folder / "tmp", ignore_errors=True)
        outcome = json_read(job.folder / OUTCOME_NAME)
        if process.returncode == 0 and outcome.get("ok"):
            job_moved(job, JobState.DONE)
        elif ended_by is not None:
            job_moved(job, ended_by, STOPPED_WORDS if ended_by is JobState.INTERRUPTED else "")
        else:
            job_moved(job, JobState.FAILED, outcome.get("words") or _DIED_WORDS.format(code=process.returncode))
        (job.folder / CANCEL_NAME).unlink(missing_ok=True)

    def _watched(self, job: Job, process: subprocess.Popen[bytes]) -> JobState | None:
        """Wait for the end of a process; what ended it, None for itself."""
        while True:
            try:
                process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if self._stopping.is_set():
                    _ended(process)
                    return JobState.INTERRUPTED
                if (job.folder / CANCEL_NAME).exists():
                    _ended(process)
                    return JobState.CANCELLED
            else:
                return None


def _command(job: Job) -> list[str]:
    # this process's id is told, not asked for there: it may be gone before the other one has begun
    return [
        sys.executable,
        str(settings.BASE_DIR / "manage.py"),
        "rescue_job",
        str(job.id),
        "--server",
        str(os.getpid()),
    ]


def _spawned(job: Job, lock: int) -> subprocess.Popen[bytes]:
    (job.folder / "tmp").mkdir(mode=0o700, exist_ok=True)
    environment = {**os.environ, "HOLDFAST_DATA_DIR": str(settings.DATA_DIR), "TMPDIR": str(job.folder / "tmp")}
    with (job.folder / "log.txt").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own command, with an id
            _command(job),
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
        )


def _ended(process: subprocess.Popen[bytes]) -> None:
    """End a process: asked first, so that it cleans up."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
