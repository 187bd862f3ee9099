"""`manage.py rescue_job JOB`: what the server starts for a job of the Rescue page. Nobody types it."""

from __future__ import annotations

import signal
import sys
import uuid
from types import FrameType

from django.core.management.base import CommandParser

from sessions_app.management.base import HoldfastCommand
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.runtime.rescue_jobs.working import job_work, process_made_harmless
from sessions_app.values import Json


class Command(HoldfastCommand):
    """Carry out one job."""

    help = "Carry out a job of the Rescue page. The server starts this; people use `manage.py rescue`."
    bootstraps = False  # the server did

    def add_arguments(self, parser: CommandParser) -> None:
        """Which job, and of which server."""
        parser.add_argument("job_id", type=uuid.UUID, metavar="JOB")
        parser.add_argument(
            "--server", type=int, metavar="PID", help="the process that started it; without it the work ends"
        )

    def run(self, options: Json) -> ExitCode:
        """Do it."""
        signal.signal(signal.SIGTERM, _asked_to_end)
        process_made_harmless()
        return ExitCode.OK if job_work(options["job_id"], options["server"]) else ExitCode.FAILED


def _asked_to_end(_number: int, _frame: FrameType | None) -> None:
    """Leave through every `finally`, so that nothing temporary stays."""
    sys.exit(ExitCode.FAILED)
