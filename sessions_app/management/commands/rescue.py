"""`manage.py rescue scan|adopt|repair|origin|export`: bring back what lies in another system's data directory."""

from __future__ import annotations

import sys
import uuid

from django.core.management.base import CommandParser

from sessions_app.errors import NotFoundError
from sessions_app.management.base import HoldfastCommand, acting, common_arguments, write
from sessions_app.management.rescue_words import report_words
from sessions_app.management.store_repair import repair_arguments, repair_run
from sessions_app.management.tables import counted, table
from sessions_app.models import User
from sessions_app.rescue.report import report_json
from sessions_app.rescue.scan import Store, store_read
from sessions_app.runtime.adoption import Wish, adopt, plan_made
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.selectors.adoption import original_lines, session_origin
from sessions_app.services.reading import session_export_record
from sessions_app.values import Actor, Json


class Command(HoldfastCommand):
    """Scan foreign stores and adopt them."""

    help = "Find and bring back conversations in another system's data directory. Only `repair` writes into it, after a backup."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="scan|adopt|repair|origin|export")
        scan = actions.add_parser("scan", help="what is there, what is broken, what would be adopted; reads only")
        take = actions.add_parser("adopt", help="bring it into Holdfast; may be stopped and run again")
        take.add_argument("--dry-run", action="store_true", help="say what would be done")
        take.add_argument("--owner", metavar="USER", help="whose it becomes (default: the first admin)")
        take.add_argument("--make-current", action="store_true", help="let current sessions become current here too")
        for each in (scan, take):
            each.add_argument("path", metavar="PATH", help="e.g. ~/.openclaw")
            each.add_argument("--agent", default="", help="only this agent's")
            each.add_argument(
                "--key",
                default="",
                help="only this key; under one that is not there go transcripts that nothing names a key of",
            )
        repair = actions.add_parser(
            "repair", help="let the other program show what it lost; file era only, after a backup"
        )
        repair_arguments(repair)
        origin = actions.add_parser("origin", help="where an adopted session came from")
        export = actions.add_parser("export", help="the original lines of an adopted session, byte for byte")
        export.add_argument("--with-traces", action="store_true", help="the traces beside it too")
        for each in (origin, export):
            each.add_argument("session_id", type=uuid.UUID, metavar="SESSION")
        for each in (scan, take, repair, origin, export):
            common_arguments(each)

    def run(self, options: Json) -> ExitCode:
        """Do what was asked for."""
        actions = {
            "scan": self._scan,
            "adopt": self._adopt,
            "repair": self._repair,
            "origin": self._origin,
            "export": self._export,
        }
        return actions[options["action"]](options)

    def _scan(self, options: Json) -> ExitCode:
        with store_read(options["path"]) as store:
            report = _planned(store, options, acting(options))
            return self._told(report, "would be adopted")

    def _adopt(self, options: Json) -> ExitCode:
        actor = acting(options)
        with store_read(options["path"]) as store:
            if options["dry_run"]:
                report = _planned(store, options, actor)
                return self._told(report, "would be adopted")
            report = adopt(store, actor, _wish(options, actor))
            return self._told(report, "adopted", _made_words(report))

    def _told(self, report: Json, done: str, before: str = "") -> ExitCode:
        return self.answer(report, "" if self.as_json else before + report_words(report, done))

    def _repair(self, options: Json) -> ExitCode:
        document, words = repair_run(options)
        self.answer(document, words)
        return ExitCode.OK if document.get("verified", True) and document.get("ok", True) else ExitCode.FAILED

    def _origin(self, options: Json) -> ExitCode:
        origin = session_origin(acting(options), session_id=options["session_id"])
        cells = [
            (place["path"], place["kind"], place["fate"], place["lines"])
            for strand in origin["strands"]
            for place in strand["places"]
        ]
        words = table(("FILE", "KIND", "WHAT", "LINES"), cells, empty="This session was not adopted from elsewhere.")
        return self.answer(origin, words)

    def _export(self, options: Json) -> ExitCode:
        actor, session_id = acting(options), options["session_id"]
        lines = original_lines(actor, session_id=session_id, with_traces=options["with_traces"])
        write(session_export_record, actor, session_id=session_id, form="original lines")
        self.stdout.flush()
        for line in lines:
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
        return ExitCode.OK


def _planned(store: Store, options: Json, actor: Actor) -> Json:
    plan, points = plan_made(store, _wish(options, actor))
    return report_json(plan, points)


def _made_words(report: Json) -> str:
    made = report["made"]
    counts = ", ".join(counted(made[f"{noun}s"], noun) for noun in ("session", "line", "checkpoint"))
    failed = "".join(f"Failed: {row['path']}: {row['why']}\n" for row in report["failed"])
    stayed = ((key, each) for key, each in report["current"].items() if each.get("why"))
    failed += "".join(f"Not made current: {key}: {each['why']}\n" for key, each in stayed)
    return f"Adopted {counts}.\n\n{failed}"


def _wish(options: Json, actor: Actor) -> Wish:
    owner = actor.user_id
    if options.get("owner"):
        found = User.objects.filter(username=options["owner"]).values_list("pk", flat=True).first()
        if found is None:
            raise NotFoundError(f"There is no account {options['owner']}.")
        owner = found
    assert owner is not None, "a command acts for an account"
    make_current = bool(options.get("make_current"))
    return Wish(owner, agent=options["agent"], key=options["key"], make_current=make_current)
