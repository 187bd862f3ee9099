"""`manage.py sessions export` and `import` (docs/export.md)."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from sessions_app.access import Action, require
from sessions_app.errors import NotFoundError
from sessions_app.management.base import acting
from sessions_app.management.progress import Bar
from sessions_app.management.tables import facts
from sessions_app.models import User
from sessions_app.runtime.transfer.giving import Giving
from sessions_app.runtime.transfer.package import FILE_ENDING, destination
from sessions_app.runtime.transfer.planning import plan_made
from sessions_app.runtime.transfer.reading import package_opened
from sessions_app.runtime.transfer.taking import Wanted, chosen, package_write
from sessions_app.values import Actor, Call, Json, Trigger


def transfer_arguments(actions: Any) -> tuple[CommandParser, CommandParser]:
    """The two sub-commands."""
    out = actions.add_parser("export", help="sessions into a file or folder, to keep or to import elsewhere")
    what = out.add_mutually_exclusive_group(required=True)
    what.add_argument("--session", type=uuid.UUID, metavar="ID", help="one session, and what it continues")
    what.add_argument("--key", default="", help="every session of a conversation")
    what.add_argument("--all", action="store_true", help="every session there is")
    out.add_argument("path", metavar="FILE.tar.zst|FOLDER", type=Path, help="must not exist yet")
    out.add_argument("--reason", default="", help="why; owners can read it")
    out.add_argument("--with-sensitive", action="store_true", help="the original lines of adopted sessions too")
    back = actions.add_parser("import", help="bring sessions of an export here; what is here already is left alone")
    back.add_argument("path", metavar="FILE|FOLDER", type=Path)
    back.add_argument("--dry-run", action="store_true", help="only say what would happen")
    back.add_argument("--owner", default="", metavar="USER", help="whose sessions of unknown owners become")
    return out, back


def export_run(options: Json) -> tuple[Json, str]:
    """Write an export.

    Returns:
        The document and the words.
    """
    path: Path = options["path"]
    wanted = Wanted(
        Call(acting(options), Trigger.CLI),
        options["session"],
        options["key"],
        options["reason"],
        options["with_sensitive"],
    )
    bar = Bar(sys.stderr, "Exporting")
    with destination(path) as sink:
        choice = chosen(wanted, "tar.zst" if path.name.endswith(FILE_ENDING) else "folder")
        made = package_write(choice, sink, with_sensitive=wanted.with_sensitive, progress=bar)
    bar.clear()
    damaged = [pk for pk, row in made["sessions"].items() if row["damagedFrom"] is not None]
    counts = made["counts"]
    document = {"path": str(path), "counts": counts, "sha256": made["sha256"], "damaged": damaged}
    pairs = [(name, value) for name, value in counts.items() if value]
    words = facts([("Written", str(path)), *pairs])
    words += "".join(f"\nDamaged: {pk}, {_damage(made, pk)}; the rest of it cannot be read." for pk in damaged)
    return document, words


def _damage(made: Json, pk: str) -> str:
    return f"exported up to entry {made['sessions'][pk]['lastSeq']:,}"


def import_run(options: Json) -> tuple[Json, str]:
    """Bring an export here, or say what that would do.

    Returns:
        The document and the words.
    """
    actor = acting(options)
    require(actor, Action.MANAGE)
    owner = _owner(options, actor)
    proving, writing = Bar(sys.stderr, "Proving"), Bar(sys.stderr, "Importing")
    with package_opened(options["path"], proving) as package:
        proving.clear()
        plan = plan_made(package)
        report: Json = {**plan.report(owner.get_username()), "dryRun": options["dry_run"]}
        if not options["dry_run"]:
            report |= Giving(package, plan, actor, owner.pk, writing).go()
            writing.clear()
    return report, _words(report)


def _owner(options: Json, actor: Actor) -> User:
    name = options["owner"]
    rows = User.objects.filter(username=name) if name else User.objects.filter(pk__in=[actor.user_id])
    found = rows.first()
    if found is None:
        raise NotFoundError(f"There is no account {name}.")
    return found


def _words(report: Json) -> str:
    would = "would be " if report["dryRun"] else ""
    lines = [
        f"{report['sessions']:,} sessions: {report['new']:,} {would}new, {report['continued']:,} {would}continued, "
        f"{report['there']:,} here already."
    ]
    lines += [
        f"{row['sessionId']} is another session here; it {would or 'was '}imported as {row['newSessionId']}."
        for row in report["renamed"]
    ]
    if report["unknownOwners"]:
        names = ", ".join(report["unknownOwners"])
        lines.append(f"Unknown here: {names}. What is new of theirs goes to {report['givenTo']}.")
    own = "goes its own way here: what was current there is in its archives, and can be restored."
    lines += [f"{key} {own}" for key in report.get("archived", [])]
    if "auditEvents" in report:
        sums = report["auditEvents"]
        lines.append(f"{sums['new']:,} audit events kept as history, {sums['there']:,} here already.")
        if sums["broken"]:
            lines.append(
                f"{sums['broken']:,} of them do not fit their own hash: they were changed where they came from."
            )
    lines += [f"Failed: {row['sessionId']}: {row['why']}" for row in report.get("failed", [])]
    return "\n".join(lines)
