"""`manage.py backup FILE`, `backup verify FILE`, `backup restore FILE`: copies that are proven to come back (docs/backup.md)."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import CommandParser

from sessions_app.errors import InvalidParamsError
from sessions_app.management.base import HoldfastCommand, common_arguments
from sessions_app.management.tables import facts
from sessions_app.runtime.backup import backup_make
from sessions_app.runtime.backup_check import backup_restore, backup_verify
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.values import Json


class Command(HoldfastCommand):
    """Make, prove and bring back backups. A server may run, except on the place that is restored into."""

    help = "Write everything into one new file; verify such a file; restore it into an empty data directory."
    bootstraps = False

    def add_arguments(self, parser: CommandParser) -> None:
        """`FILE`, or a word and a file."""
        parser.add_argument("words", nargs="+", metavar="[verify|restore] FILE", help="without a word: make a backup")
        common_arguments(parser)

    def run(self, options: Json) -> ExitCode:
        """Do what was asked for."""
        *action, file = options["words"]
        actions = {(): self._make, ("verify",): self._verify, ("restore",): self._restore}
        if tuple(action) not in actions or (not action and file in {"verify", "restore"}):
            words = "Say `backup FILE`, `backup verify FILE` or `backup restore FILE --data-dir NEW`."
            return self.problem("usage", words, {}, ExitCode.USAGE)
        return actions[tuple(action)](Path(file))

    def _make(self, file: Path) -> ExitCode:
        made = backup_make(file)
        transcripts = made["transcripts"] or {}
        pairs = [
            ("Backup", made["path"]),
            ("Bytes", made["bytes"]),
            ("Sessions", transcripts.get("sessions", "cannot be counted: run doctor")),
            ("Entries", transcripts.get("entries", "cannot be counted: run doctor")),
            ("Prove it", f"manage.py backup verify {made['path']}"),
        ]
        return self.answer(made, facts(pairs))

    def _verify(self, file: Path) -> ExitCode:
        if not file.is_file():
            raise InvalidParamsError(f"There is no file {file}.")
        state = backup_verify(file)
        lines = [*state["problems"], *(finding["words"] for finding in state["findings"])]
        made = (state["manifest"] or {}).get("createdAt")
        self.answer(
            state, "\n".join(lines) if lines else f"{file} is whole: every sum, count and chain is as on {made}."
        )
        return ExitCode.OK if state["ok"] else ExitCode.FINDINGS

    def _restore(self, file: Path) -> ExitCode:
        if not file.is_file():
            raise InvalidParamsError(f"There is no file {file}.")
        state = backup_restore(file)
        held = " It held damage when it was made: run doctor." if state["findings"] else ""
        words = f"Restored into {state['dataDir']}.{held} Start it: manage.py serve --data-dir {state['dataDir']}"
        return self.answer(state, words)
