"""`manage.py restart`: let the server drain and start again, audited."""

from __future__ import annotations

import os
import sys

from django.conf import settings
from django.core.management.base import CommandParser

from sessions_app.errors import NotFoundError
from sessions_app.management.base import HoldfastCommand, acting, common_arguments, write
from sessions_app.runtime.data_lock import serving_process
from sessions_app.runtime.drain_signal import RESTART_SIGNAL
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.services.restart import gateway_restart, restart_preview
from sessions_app.values import Json


class Command(HoldfastCommand):
    """Preview, ask, audit, signal."""

    help = "Let the running server drain and start again. Asks first; --yes does not."

    def add_arguments(self, parser: CommandParser) -> None:
        """Why, and whether to ask."""
        common_arguments(parser)
        parser.add_argument("--reason", default="", help="why; stands in the audit log")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def run(self, options: Json) -> ExitCode:
        """Restart."""
        server = serving_process(settings.DATA_DIR)
        if server is None:
            raise NotFoundError(
                f"No server runs on {settings.DATA_DIR}. Start one with `make run` or `manage.py serve`."
            )
        actor = acting(options)
        preview = restart_preview(actor)
        if not options["yes"] and not self._confirmed(preview):
            return self.problem("not_confirmed", "Nothing was changed.", {}, ExitCode.NOT_CONFIRMED)
        answer = write(gateway_restart, actor, confirmation=preview["token"], reason=options["reason"])
        os.kill(server.pid, RESTART_SIGNAL)
        words = f"Process {server.pid} drains and ends with {ExitCode.RESTART}; its supervisor starts it again."
        return self.answer({**answer, "pid": server.pid}, words)

    def _confirmed(self, preview: Json) -> bool:
        self.stderr.write(
            f"Answers running: {preview['runsRunning']}, waiting: {preview['runsQueued']}. They are finished or kept."
        )
        self.stderr.write("Restart? [y/N] ", ending="")
        self.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
