"""`manage.py doctor`: what is wrong with what is stored, and with `--apply PLAN` put right."""

from __future__ import annotations

import sqlite3

from django.conf import settings
from django.core.management.base import CommandParser

from sessions_app.errors import ErrorCode
from sessions_app.management.base import HoldfastCommand, acting, common_arguments
from sessions_app.runtime.bootstrap import migrations_pending
from sessions_app.runtime.doctor.background import STEP
from sessions_app.runtime.doctor.examination import examine
from sessions_app.runtime.doctor.treatment import plan_apply
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.values import Json, Trigger


class Command(HoldfastCommand):
    """Examine, and repair when told to. Nothing is made ready first: a damaged place is looked at as it is."""

    help = "Look for damage and disorder; change nothing. With --apply: back up, then repair. Nothing is ever deleted."
    bootstraps = False

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do."""
        parser.add_argument("--fast", action="store_true", help="skip digests and indexes: seconds on a large place")
        parser.add_argument("--apply", metavar="PLAN", help="carry out the plan that an examination printed")
        parser.add_argument("--without-backup", action="store_true", help="you have one (PostgreSQL: pg_dump)")
        parser.add_argument("--steps", action="store_true", help="say on stderr what is looked at")
        common_arguments(parser)

    def run(self, options: Json) -> ExitCode:
        """Do what was asked for."""
        try:
            return self._apply(options) if options["apply"] else self._examine(options)
        except FileNotFoundError:
            words = f"There is no Holdfast database in {settings.DATA_DIR}, so there is nothing to examine."
            return self.problem(str(ErrorCode.NOT_FOUND), words, {"dataDir": str(settings.DATA_DIR)}, ExitCode.FAILED)
        except sqlite3.Error as error:
            words = f"The database cannot be opened at all: {error}. Restore the newest backup that verifies."
            return self.problem(str(ErrorCode.STORAGE_UNAVAILABLE), words, {}, ExitCode.FAILED)

    def _examine(self, options: Json) -> ExitCode:
        found = examine(deep=not options["fast"], tell=self._step if options["steps"] else lambda _: None)
        lines = findings_told(found.as_json())
        if found.plan:
            fast = " --fast" if options["fast"] else ""
            lines.append(f"\nTo back up and do all of this: manage.py doctor{fast} --apply {found.plan}")
        elif found.findings:
            lines.append("\nNothing of this can be repaired by doctor.")
        self.answer(found.as_json(), "\n".join(lines))
        return ExitCode.FINDINGS if found.findings else ExitCode.OK

    def _step(self, words: str) -> None:
        self.stderr.write(f"{STEP}{words}")
        self.stderr.flush()

    def _apply(self, options: Json) -> ExitCode:
        if migrations_pending():
            words = "This database was last used by an older version. Start this one once, then examine again. Nothing was changed."
            return self.problem(str(ErrorCode.INVALID_PARAMS), words, {}, ExitCode.FAILED)
        deep, backed_up = not options["fast"], options["without_backup"]
        done = plan_apply(acting(options), options["apply"], trigger=Trigger.CLI, deep=deep, without_backup=backed_up)
        lines = [f"Backup: {done['backup']}"] if done["backup"] else []
        lines.append(
            f"Repaired {done['repaired']}, skipped {done['skipped']}, failed {done['failed']}. Audit event {done['auditId']}."
        )
        self.answer(done, "\n".join([*lines, *findings_told(done["left"])]))
        return ExitCode.OK if done["left"]["ok"] else ExitCode.FINDINGS


def findings_told(examination: Json) -> list[str]:
    """An examination as lines for a terminal."""
    lines = []
    for finding in examination["findings"]:
        where = ", ".join(f"{name} {value}" for name, value in finding["where"].items())
        lines += [f"{finding['id']}  {finding['severity']:<6}  {finding['code']}  {where}", f"    {finding['words']}"]
        lines.append(f"    Plan: {finding['plan']}" if finding["plan"] else "    No plan: this needs a person.")
    if not lines:
        lines.append("No findings.")
    if examination["known"]:
        lines.append(
            f"{len(examination['known'])} findings that cannot be repaired are in the audit log and not listed again."
        )
    return lines
