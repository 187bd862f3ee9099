"""How far a job is: a small file that the working process writes a few times a second, and pages read."""

from __future__ import annotations

import os
import time
from pathlib import Path

from sessions_app.errors import DrainingError
from sessions_app.rescue.places import printable
from sessions_app.runtime.rescue_jobs.job import Job, json_read, json_write
from sessions_app.values import Json

PROGRESS_NAME = "progress.json"
TELL_SECONDS = 0.3


class ProgressTold:
    """Writes how far the work is.

    Args:
        folder: of the job.
        parent: process id of who started the work; when it is gone, so is the one to whom the end matters.
    """

    def __init__(self, folder: Path, parent: int | None = None) -> None:
        self._path, self._parent = folder / PROGRESS_NAME, parent
        self._phase, self._began, self._told = "", 0.0, 0.0

    def __call__(self, phase: str, done: int = 0, total: int = 0, what: str = "") -> None:
        """Tell it; most calls cost nothing.

        Raises:
            DrainingError: whoever started the work is gone.
        """
        now = time.time()
        if phase == self._phase and now - self._told < TELL_SECONDS:
            return
        if self._parent is not None and os.getppid() != self._parent:
            raise DrainingError("The server that started this work is gone.")
        if phase != self._phase:
            self._phase, self._began = phase, now
        self._told = now
        facts = {"phase": phase, "done": done, "total": total, "what": printable(what)[-300:], "began": self._began}
        json_write(self._path, facts)


def progress_read(job: Job) -> Json:
    """How far a job is: {phase, done, total, what, percent, secondsLeft}; {} before it told anything.

    `secondsLeft` is None while too little is done to tell.
    """
    found = json_read(job.folder / PROGRESS_NAME)
    if not found:
        return {}
    done, total = found["done"], found["total"]
    share = min(done / total, 1.0) if total else 0.0
    passed = time.time() - found["began"]
    left = round(passed / share - passed) if share > 0.02 and passed > 1 else None
    return {**found, "percent": int(100 * share), "secondsLeft": left}
