"""`manage.py sessions list|show|where|reset|restore|compact|export|import`: the same verbs as the pages, from a terminal."""

from __future__ import annotations

import sys
import uuid

from django.core.management.base import CommandParser

from sessions_app.errors import ErrorCode
from sessions_app.management.base import HoldfastCommand, acting, common_arguments, write
from sessions_app.management.tables import facts, table
from sessions_app.management.transfer import export_run, import_run, transfer_arguments
from sessions_app.runtime.compacted import compacted
from sessions_app.runtime.compaction import Wanted
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.selectors.archives import archive_preview
from sessions_app.selectors.checkpoints import checkpoint_preview
from sessions_app.selectors.conversations import conversation_get, conversation_list
from sessions_app.selectors.timeline import timeline
from sessions_app.selectors.where import where
from sessions_app.services.reset import reset_preview, session_reset
from sessions_app.services.restore import archive_restore, checkpoint_restore
from sessions_app.values import Call, Json, Trigger


class Command(HoldfastCommand):
    """Look at sessions, start new ones, bring old ones back."""

    help = "List, show, export and import sessions; reset one (nothing is deleted) or restore one."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listing = actions.add_parser("list", help="conversations, newest first")
        listing.add_argument("--query", default="", help="words in title or key")
        listing.add_argument("--limit", type=int, default=50)
        listing.add_argument("--cursor", default="", help="nextCursor of the page before")
        show = actions.add_parser("show", help="one conversation with every session and checkpoint it has")
        show.add_argument("--limit", type=int, default=50)
        show.add_argument("--cursor", default="", help="nextCursor of the page before")
        lost = actions.add_parser("where", help="where a chat went: by a phrase, an id, a key or a time")
        lost.add_argument(
            "query", nargs="+", metavar="WORDS", help="e.g. 600f19, agent:main:main, 2026-11-24, or what was said"
        )
        reset = actions.add_parser("reset", help="archive the current session and start a new one")
        reset.add_argument("--yes", action="store_true", help="do not ask")
        restore = actions.add_parser("restore", help="make an archived session current again")
        compact = actions.add_parser("compact", help="let the agent summarise older messages; they stay readable")
        for each in (show, reset, restore, compact):
            each.add_argument("session_key", metavar="KEY", help="e.g. agent:main:main")
        for each in (reset, restore):
            each.add_argument("--reason", default="", help="for the record")
            each.add_argument("--typed-key", default="", metavar="KEY", help="the key once more, if it is locked")
            each.add_argument("--stop-run", action="store_true", help="stop a running answer and keep what is there")
        what = restore.add_mutually_exclusive_group(required=True)
        what.add_argument("session_id", nargs="?", type=uuid.UUID, metavar="SESSION", help="an archived session")
        what.add_argument("--checkpoint", type=uuid.UUID, metavar="ID", help="start from a checkpoint instead")
        for each in (listing, show, lost, reset, restore, compact, *transfer_arguments(actions)):
            common_arguments(each)

    def run(self, options: Json) -> ExitCode:
        """Do what was asked for."""
        actions = {"list": self._list, "show": self._show, "reset": self._reset, "restore": self._restore}
        actions |= {"where": self._where, "compact": self._compact, "export": self._export, "import": self._import}
        return actions[options["action"]](options)

    def _list(self, options: Json) -> ExitCode:
        page = conversation_list(
            acting(options), limit=options["limit"], cursor=options["cursor"], query=options["query"]
        )
        columns = ("KEY", "SESSION", "TITLE", "OWNER", "ENTRIES", "ARCHIVED", "UPDATED")
        cells = [
            (c["sessionKey"], c["sessionId"], c["title"], c["owner"], c["entries"], c["archivedCount"], c["updatedAt"])
            for c in page["sessions"]
        ]
        return self.answer(page, table(columns, cells, empty="There are no conversations here.") + _more(page))

    def _show(self, options: Json) -> ExitCode:
        actor, key = acting(options), options["session_key"]
        row = conversation_get(actor, session_key=key)
        page = timeline(actor, session_key=key, limit=options["limit"], cursor=options["cursor"])
        names = ("sessionKey", "sessionId", "title", "owner", "agent", "entries", "messages", "updatedAt")
        columns = ("", "ID", "WHAT", "AT", "BY")
        text = facts([(name, row[name]) for name in names]) + "\n\n"
        text += table(columns, [_line(item) for item in page["items"]], empty="") + _more(page)
        return self.answer({**row, "timeline": page["items"], "nextCursor": page["nextCursor"]}, text)

    def _where(self, options: Json) -> ExitCode:
        found = where(acting(options), query=" ".join(options["query"]))
        return self.answer(found, "\n\n".join(_story(place) for place in found["places"]) or "No session matches.")

    def _compact(self, options: Json) -> ExitCode:
        key = options["session_key"]
        done = compacted(Wanted(Call(acting(options), Trigger.CLI, uuid.uuid4().hex), key))
        words = f"Entries 1 to {done['coversSeq']:,} of {done['sessionId']} are summarised for the agent in entry {done['entrySeq']:,}: "
        words += f"about {done['tokensBefore']:,} tokens, now {done['tokensAfter']:,}. Every entry stays readable.\n"
        back = f"Back: manage.py sessions restore {key} --checkpoint {done['checkpointId']}"
        return self.answer(done, words + back)

    def _export(self, options: Json) -> ExitCode:
        return self.answer(*export_run(options))

    def _import(self, options: Json) -> ExitCode:
        document, words = import_run(options)
        self.answer(document, words)
        return ExitCode.FAILED if document.get("failed") else ExitCode.OK

    def _reset(self, options: Json) -> ExitCode:
        actor, key = acting(options), options["session_key"]
        preview = reset_preview(actor, session_key=key)
        if not options["yes"] and not self._is_confirmed(preview):
            words = "Nothing was changed. Answer yes, or add --yes, to archive and start new."
            return self.problem(str(ErrorCode.CONFIRMATION_REQUIRED), words, preview, ExitCode.NOT_CONFIRMED)
        done = write(
            session_reset,
            actor,
            session_key=key,
            session_id=uuid.UUID(preview["sessionId"]),
            confirmation=preview["token"],
            **_circumstances(options),
        )
        back = f"Back: manage.py sessions restore {key} {done['oldSessionId']}"
        return self.answer(done, f"Archived {done['oldSessionId']}, new session {done['newSessionId']}.\n{back}")

    def _is_confirmed(self, preview: Json) -> bool:
        """Show what would happen and ask; with nobody at the terminal the answer is no."""
        run = preview["activeRun"]
        pairs = [
            ("Conversation", preview["sessionKey"]),
            ("Session", preview["sessionId"]),
            ("Messages", preview["messages"]),
            ("Last activity", preview["lastActivityAt"] or "never"),
            ("Running", f"{run['state']} {run['runId']}" if run else "nothing"),
            ("Kept", ", ".join(preview["kept"])),
            ("Cleared", ", ".join(preview["cleared"])),
        ]
        self.stderr.write("Start a new session? This archives the current one. You can restore it at any time.")
        self.stderr.write(facts(pairs))
        if not sys.stdin.isatty():
            return False
        self.stderr.write("Archive and start new? [y/N] ", ending="")
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def _restore(self, options: Json) -> ExitCode:
        actor, key, rest = acting(options), options["session_key"], _circumstances(options)
        if options["checkpoint"]:
            place = {"session_key": key, "checkpoint_id": options["checkpoint"]}
            preview = checkpoint_preview(actor, **place)
            verb = checkpoint_restore
        else:
            place = {"session_key": key, "session_id": options["session_id"]}
            preview = archive_preview(actor, **place)
            verb = archive_restore
        expected = uuid.UUID(preview["stepsAside"]["sessionId"])
        done = write(verb, actor, **place, expected_current_session_id=expected, **rest)
        undo = f"Undo: manage.py sessions restore {key} {done['undo']['sessionId']}"
        return self.answer(done, f"{done['newSessionId']} is current, {done['oldSessionId']} is archived.\n{undo}")


def _circumstances(options: Json) -> Json:
    return {name: options[name] for name in ("reason", "stop_run", "typed_key")}


def _more(page: Json) -> str:
    return f"\nMore: --cursor {page['nextCursor']}" if page["nextCursor"] else ""


def _line(item: Json) -> tuple[str, str, str, str, str]:
    """One item of a timeline for the terminal; `*` marks what is current."""
    if item["type"] == "checkpoint":
        return ("", item["checkpointId"], f"checkpoint {item['label']}".strip(), item["at"], item["actor"])
    mark = "*" if item["isCurrent"] else ""
    return (mark, item["sessionId"], f"session, {item['entries']:,} entries", item["at"], item["startActor"])


def _story(place: Json) -> str:
    """One session for the terminal: its history in order, and the way back."""
    lines = [f"{place['sessionKey']}  {place['sessionId']}  {place['messages']:,} messages. {place['why']}"]
    for moment in place["history"]:
        by = f" by {moment['actor']} · {moment['trigger']}" if moment["actor"] else ""
        other = f" {moment['otherSessionId']}" if moment["otherSessionId"] else ""
        reason = f" “{moment['reason']}”" if moment["reason"] else ""
        lines.append(f"  {moment['at']}  {moment['words']}{other}{by}{reason}")
    back = f"manage.py sessions restore {place['sessionKey']} {place['sessionId']}"
    lines.append("  It is current." if place["isCurrent"] else f"  It is in the archives, whole. Back: {back}")
    return "\n".join(lines)
