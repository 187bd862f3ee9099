"""A thorough check beside the server, in a process of its own: minutes of computing on a large place, and nobody waits for it.

One at a time, asked for on the Operations page; it survives the page, and ends with the server. Its result is kept for the page.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field

from django.conf import settings
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, Json

logger = logging.getLogger(__name__)

END_SECONDS = 5.0
STEP = "checking "  # begins a line of progress: `checking transcripts, 7 of 16`
_DIED = "The check ended without a result (exit code {code}). Run `manage.py doctor` to see why."


@dataclass(slots=True)
class BackgroundCheck:
    """The check of one serving process. Methods may be called from any thread.

    Attributes:
        started_at: when the one that runs was asked for, ISO 8601 UTC; "" when none runs.
        step: what it looks at now, in words.
        result: of the last one that ended, as `doctor_examine` answers; None before.
        problem: why the last one has no result, in words; "" when it has.
    """

    started_at: str = ""
    step: str = ""
    result: Json | None = None
    problem: str = ""
    _process: subprocess.Popen[str] | None = None
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def start(self, actor: Actor) -> bool:
        """Begin, unless one runs.

        Returns:
            Whether this call began it.

        Raises:
            ForbiddenError, UnauthenticatedError: the actor may not manage.
        """
        access.require(actor, Action.MANAGE)
        with self._gate:
            if self._process is not None:
                return False
            self.started_at, self.step, self.problem = wire_time(timezone.now()) or "", "", ""
            self._process = _spawned()
        threading.Thread(target=self._watch, args=(self._process,), name="doctor", daemon=True).start()
        return True

    def stop(self) -> None:
        """End the one that runs; it changes nothing, so nothing is left half."""
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()

    def _watch(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        told: list[str] = []
        reading = threading.Thread(
            target=lambda: told.append(process.stdout.read() if process.stdout else ""), daemon=True
        )
        reading.start()
        for line in process.stderr:
            if line.startswith(STEP):
                self.step = line.strip()
        code = process.wait()
        reading.join()
        process.stdout.close()
        process.stderr.close()
        result, problem = _read("".join(told), code)
        with self._gate:
            self.result = result if result is not None else self.result
            self.problem, self.started_at, self.step, self._process = problem, "", "", None


def _spawned() -> subprocess.Popen[str]:
    words = ["doctor", "--json", "--steps", "--data-dir", str(settings.DATA_DIR)]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.setpriority(os.PRIO_PROCESS, process.pid, 10)  # people who chat come first
    return process


def _read(text: str, code: int) -> tuple[Json | None, str]:
    """The result, or why there is none."""
    try:
        document = json.loads(text)
    except ValueError:
        return None, _DIED.format(code=code)
    if "error" in document:
        return None, str(document["error"].get("message", "")) or _DIED.format(code=code)
    return document, ""


thorough_check = BackgroundCheck()
