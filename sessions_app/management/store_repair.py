"""`manage.py rescue repair`: what somebody typed becomes a wish, a plan, and words."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from sessions_app.errors import InvalidParamsError
from sessions_app.management.base import write
from sessions_app.rescue.repair import RepairWish, repair_apply, repair_plan, repair_undo
from sessions_app.services.store_repairs import store_repair_record
from sessions_app.values import SYSTEM, Json

_FORCE = "go on although a gateway seems to run there (only when you know that it does not), or, with --undo, although files were written since"


def repair_arguments(parser: ArgumentParser) -> None:
    """The options of `rescue repair`."""
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help="e.g. ~/.openclaw; not needed with --undo")
    parser.add_argument("--restore", default="", metavar="FILE|SESSION", help="let its key show this session again")
    parser.add_argument("--key", default="", help="the session key for --restore (default: the one on record)")
    parser.add_argument("--agent", default="", help="only this agent's directory")
    parser.add_argument("--fix-missing", action="store_true", help="relink rows without a transcript, or retire them")
    parser.add_argument("--adopt-orphans", action="store_true", help="give transcripts without a row one of their own")
    parser.add_argument("--undo", default="", metavar="BACKUP", help="bring back what was there before a repair")
    parser.add_argument("--backup-to", default="", metavar="DIR", help="where backups are made (default: beside PATH)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")
    parser.add_argument("--force", action="store_true", help=_FORCE)


def repair_run(options: Json) -> tuple[Json, str]:
    """Plan, and unless it is a dry run carry out; or undo.

    Returns:
        The document and the words for people.

    Raises:
        HoldfastError: it was refused; the words say why.
    """
    if options["undo"]:
        report = repair_undo(options["undo"], force=options["force"])
        write(store_repair_record, SYSTEM, root=report["root"], report=report, is_undo=True)
        return report, _undone_words(report)
    if not options["path"]:
        raise InvalidParamsError("Say which directory: rescue repair PATH --restore FILE, or --undo BACKUP.")
    names = ("restore", "key", "agent", "fix_missing", "adopt_orphans", "force", "backup_to")
    wish = RepairWish(**{name: options[name] for name in names})
    plan = repair_plan(options["path"], wish)
    if not plan["ok"] and not options["dry_run"]:
        raise InvalidParamsError(" ".join(row["words"] for row in plan["refusals"]), refusals=plan["refusals"])
    if options["dry_run"]:
        return _without_steps(plan), _plan_words(plan)
    report = _applied(plan)
    ended = report["backup"] if plan["resumes"] else None
    if ended and plan["wish"] != wish.as_json():  # what was interrupted is whole now; then what was asked for
        plan = repair_plan(options["path"], wish)
        report = _applied(plan)
    return {**report, "endedFirst": ended, "warnings": plan.get("warnings", [])}, _report_words(plan, report)


def _applied(plan: Json) -> Json:
    report = repair_apply(plan)
    if report["changed"]:
        write(store_repair_record, SYSTEM, root=plan["root"], report=report)
    return report


def _without_steps(plan: Json) -> Json:
    return {name: value for name, value in plan.items() if name != "directories"}


def _lines(*parts: Any) -> str:
    return "\n".join(str(part) for part in parts if part)


def _plan_words(plan: Json) -> str:
    refused = [f"Refused ({row['code']}): {row['words']}" for row in plan["refusals"]]
    steps = [f"  {n}. {words}" for n, words in enumerate(plan["words"], 1)]
    head = f"Would back up to {plan['backup']}, then:" if steps else "" if refused else "Nothing to do."
    return _lines(*refused, head, *steps, *(f"Note: {words}" for words in plan["warnings"]))


def _report_words(plan: Json, report: Json) -> str:
    notes = [f"Note: {words}" for words in plan.get("warnings", [])]
    if not report["changed"]:
        return _lines("Nothing to do.", *notes)
    steps = [f"  {n}. {words}" for n, words in enumerate(report["done"], 1)]
    end = "Scanned again: it is as it should be." if report["verified"] else "Scanned again. Not as it should be:"
    undo = f"To bring everything back: manage.py rescue repair --undo {report['backup']}"
    return _lines(f"Backup: {report['backup']}", *steps, *notes, end, *report["problems"], undo)


def _undone_words(report: Json) -> str:
    kept = f"Newer contents are kept: {', '.join(report['kept'])}" if report["kept"] else ""
    counts = f"Brought back {len(report['restored'])} files, removed {len(report['removed'])} that the repair made."
    return _lines(f"Undone in {report['root']}.", counts, kept)
