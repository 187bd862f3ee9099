"""`manage.py audit verify|export`: is the log whole, and a copy of it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from django.core.management.base import CommandParser

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.management.base import HoldfastCommand, acting, common_arguments
from sessions_app.models import AuditEvent
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.selectors.audit import audit_list, audit_verify
from sessions_app.values import PAGE_MAX_ROWS, Actor, Json

CSV_COLUMNS = (
    "id", "type", "outcome", "timestamp", "actor", "actorKind", "actorId", "trigger", "sessionKey", "oldSessionId", "newSessionId",
    "reason", "requestId", "data", "hash", "prevHash",
)  # fmt: skip


class Command(HoldfastCommand):
    """Check and copy the audit log."""

    help = "Check the audit log's hash chain, or export the log."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="verify|export")
        verify = actions.add_parser("verify", help="recompute every hash; ends with 4 when the chain is broken")
        verify.add_argument(
            "--expect-head", metavar="HASH", help="a head noted earlier that must still be in the chain"
        )
        export = actions.add_parser("export", help="write the log, newest first")
        export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="default: jsonl")
        export.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
        for each in (verify, export):
            common_arguments(each)

    def run(self, options: Json) -> ExitCode:
        """Do what was asked for."""
        actor = acting(options)
        return self._verify(actor, options) if options["action"] == "verify" else self._export(actor, options)

    def _verify(self, actor: Actor, options: Json) -> ExitCode:
        state = audit_verify(actor)
        expected = options["expect_head"]
        if expected and not AuditEvent.objects.filter(hash=expected).exists():  # a chain cut short verifies by itself
            state = {**state, "ok": False, "missingHead": expected}
        words = "unbroken" if state["ok"] else f"BROKEN{_where(state)}"
        self.answer(state, f"{state['events']:,} events, {words}. Head {state['headHash']}")
        return ExitCode.OK if state["ok"] else ExitCode.AUDIT_BROKEN

    def _export(self, actor: Actor, options: Json) -> ExitCode:
        access.require(actor, Action.EXPORT)
        output: Path | None = options["output"]
        write_rows = _write_csv if options["format"] == "csv" else _write_jsonl
        if output is None:
            count = write_rows(sys.stdout, _events(actor))
        else:
            try:
                file = output.open("x", encoding="utf-8", newline="")
            except OSError as error:
                words = f"{output} cannot be written: {error.strerror}."
                raise InvalidParamsError(words, field="output") from error
            with file:
                count = write_rows(file, _events(actor))
        self.stderr.write(f"{count:,} events exported.")
        return ExitCode.OK


def _where(state: Json) -> str:
    return f" at event {state['firstBroken']}" if state.get("firstBroken") else ": the expected head is not in it"


def _events(actor: Actor) -> Iterator[Json]:
    """Every audit event, newest first, a page at a time."""
    cursor: str | None = ""
    while cursor is not None:
        page = audit_list(actor, limit=PAGE_MAX_ROWS, cursor=cursor)
        yield from page["events"]
        cursor = page["nextCursor"]


def _write_jsonl(file: TextIO, events: Iterator[Json]) -> int:
    count = 0
    for event in events:
        file.write(json.dumps(event, ensure_ascii=False) + "\n")
        count += 1
    return count


def _write_csv(file: TextIO, events: Iterator[Json]) -> int:
    writer = csv.writer(file)
    writer.writerow(CSV_COLUMNS)
    count = 0
    for event in events:
        cells = [event[name] if name != "data" else json.dumps(event[name], ensure_ascii=False) for name in CSV_COLUMNS]
        writer.writerow([_plain(cell) for cell in cells])
        count += 1
    return count


def _plain(cell: object) -> object:
    """A cell that a spreadsheet will not take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
