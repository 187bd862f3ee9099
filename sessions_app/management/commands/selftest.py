"""`manage.py selftest crash`: kill a real server at random moments and count what was lost. Needs no Holdfast of your own."""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sessions_app.management.selftest.crash import crash_drill
from sessions_app.management.selftest.place import DrillFailedError
from sessions_app.runtime.exit_codes import ExitCode


class Command(BaseCommand):
    """Carry out a drill on a temporary place and print its loss report."""

    help = "Start a real server on a temporary directory, end it at random moments, and report what was lost."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Which drill, and how long."""
        parser.add_argument("drill", choices=["crash"])
        parser.add_argument("--rounds", type=int, default=200, help="how often the server is ended (default: 200)")
        parser.add_argument("--seed", type=int, help="of all chance; printed, so that a run can be asked for again")
        parser.add_argument("--report", type=Path, help="also write the report to this file, as JSON")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the report as JSON")

    def handle(self, **options: Any) -> None:
        """Drill, report, and keep the directory only when something was lost."""
        seed = options["seed"] if options["seed"] is not None else secrets.randbelow(10**6)
        data_dir = Path(tempfile.mkdtemp(prefix="holdfast-drill-"))
        self.stderr.write(f"drill crash, seed {seed}, in {data_dir}")
        try:
            report = crash_drill(data_dir, rounds=options["rounds"], seed=seed, say=self.stderr.write)
        except DrillFailedError as error:
            self.stderr.write(f"The drill could not be carried out: {error}. The directory is kept.")
            sys.exit(ExitCode.USAGE)
        document = json.dumps({"seed": seed, **report.as_json()}, indent=2)
        if options["report"]:
            options["report"].write_text(document + "\n", encoding="utf-8")
        self.stdout.write(document if options["as_json"] else report.as_text())
        if not report.ok:
            self.stderr.write(f"The directory is kept: {data_dir}")
            sys.exit(ExitCode.FAILED)
        shutil.rmtree(data_dir, ignore_errors=True)
