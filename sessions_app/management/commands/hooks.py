"""`manage.py hooks list|redeliver|test`: who was told of what, again, and whether a subscriber can be told at all."""

from __future__ import annotations

import asyncio
import uuid

from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import NotFoundError
from sessions_app.management.base import HoldfastCommand, acting, common_arguments, write
from sessions_app.management.tables import table
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.runtime.hooks.config import HOOKS_TOML, hooks_load
from sessions_app.runtime.hooks.letters import DeliveryFailedError, Letter, Sender
from sessions_app.runtime.hooks.overview import subscribers_status
from sessions_app.runtime.hooks.senders import sender_for
from sessions_app.selectors.hooks import hook_delivery_list
from sessions_app.selectors.wire import wire_time
from sessions_app.services.hooks import hook_redeliver
from sessions_app.values import PAGE_MAX_ROWS, DeliveryState, Json

TEST_TYPE = "test"


class Command(HoldfastCommand):
    """List deliveries, send them again, try a subscriber."""

    help = "List the deliveries of lifecycle hooks, send them again, or try a subscriber of hooks.toml."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="list|redeliver|test")
        listing = actions.add_parser("list", help="how far each subscriber is, and the newest deliveries")
        listing.add_argument(
            "--state", choices=[str(state) for state in DeliveryState], default="", help="of this only"
        )
        listing.add_argument("--subscriber", default="", metavar="NAME", help="to this one only")
        listing.add_argument(
            "--limit", type=int, default=50, metavar="N", help=f"at most {PAGE_MAX_ROWS} (default: 50)"
        )
        again = actions.add_parser("redeliver", help="send again, with the same event id")
        again.add_argument("delivery_id", type=int, nargs="?", metavar="ID", help="as `hooks list` shows it")
        again.add_argument("--dead", action="store_true", help="every delivery that was given up")
        again.add_argument("--subscriber", default="", metavar="NAME", help="with --dead: to this one only")
        trying = actions.add_parser("test", help="send a test event now and say what came back; nothing is stored")
        trying.add_argument("name", metavar="NAME", help="a section [subscribers.NAME] of hooks.toml")
        for each in (listing, again, trying):
            common_arguments(each)

    def run(self, options: Json) -> ExitCode:
        """Do what was asked for."""
        actions = {"list": self._list, "redeliver": self._redeliver, "test": self._test}
        return actions[options["action"]](options)

    def _list(self, options: Json) -> ExitCode:
        actor = acting(options)
        wanted = {name: options[name] for name in ("state", "subscriber", "limit")}
        document = {**subscribers_status(actor), **hook_delivery_list(actor, **wanted)}
        subscribers = [
            (s["subscriber"], s["configured"], s["pending"], s["retrying"], s["dead"], s["oldestPendingAt"] or "")
            for s in document["subscribers"]
        ]
        cells = [
            (
                str(d["deliveryId"]),
                d["subscriber"],
                d["type"],
                d["sessionKey"],
                d["state"],
                d["attempts"],
                d["createdAt"],
                d["lastError"],
            )
            for d in document["deliveries"]
        ]
        words = "Nobody has been subscribed yet. hooks.toml says who is told."
        columns = ("ID", "SUBSCRIBER", "EVENT", "KEY", "STATE", "ATTEMPTS", "HAPPENED", "LAST ERROR")
        first = table(
            ("SUBSCRIBER", "HOOKS.TOML", "PENDING", "RETRYING", "DEAD", "OLDEST PENDING"), subscribers, empty=words
        )
        return self.answer(document, f"{first}\n\n{table(columns, cells, empty='No deliveries.')}")

    def _redeliver(self, options: Json) -> ExitCode:
        wanted = {name: options[name] for name in ("delivery_id", "dead", "subscriber")}
        done = write(hook_redeliver, acting(options), **wanted)
        count = done["redelivered"]
        words = "Nothing was given up." if not count else f"{count:,} on the way again, when a server runs."
        return self.answer(done, words)

    def _test(self, options: Json) -> ExitCode:
        access.require(acting(options), Action.MANAGE)
        name, config = options["name"], hooks_load(settings.DATA_DIR / HOOKS_TOML)
        section = config.subscribers.get(name)
        if section is None:
            known = ", ".join(sorted(config.subscribers)) or "none"
            raise NotFoundError(f"{HOOKS_TOML} has no section [subscribers.{name}]. There now: {known}.", name=name)
        event_id = str(uuid.uuid4())
        words = {"eventId": event_id, "type": TEST_TYPE, "at": wire_time(timezone.now()), "subscriber": name}
        try:
            said = asyncio.run(
                _sent(sender_for(section, directory=config.directory), Letter(event_id, TEST_TYPE, words))
            )
        except DeliveryFailedError as error:
            details = {"name": name, "eventId": event_id}
            return self.problem("delivery_failed", f"{name}: {error}.", details, ExitCode.FAILED)
        note = "" if section.enabled else " It is not enabled, so it is told of nothing until it is."
        return self.answer({"name": name, "eventId": event_id, "said": said}, f"{name}: {said}.{note}")


async def _sent(sender: Sender, letter: Letter) -> str:
    try:
        return await sender.send(letter)
    finally:
        await sender.aclose()
