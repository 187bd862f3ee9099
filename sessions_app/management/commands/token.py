"""`manage.py token create|list|revoke`: what programs show instead of a password."""

from __future__ import annotations

from django.core.management.base import CommandParser

from sessions_app.management.base import HoldfastCommand, acting, common_arguments, write
from sessions_app.management.tables import table
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.selectors.tokens import token_list
from sessions_app.services.tokens import token_create, token_revoke
from sessions_app.values import Json


class Command(HoldfastCommand):
    """Make, list and revoke tokens."""

    help = "Make, list and revoke the tokens with which programs act for an account."

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="create|list|revoke")
        create = actions.add_parser("create", help="make a token; it is printed once and stored hashed")
        create.add_argument("--user", required=True, metavar="NAME", help="the account it acts for")
        create.add_argument("--scopes", default="read", metavar="LIST", help="of read,write,admin (default: read)")
        create.add_argument("--name", default="command line", help="what people call the program")
        listing = actions.add_parser("list", help="list tokens; secrets cannot be shown again")
        listing.add_argument("--user", metavar="NAME", help="of this account only")
        revoke = actions.add_parser("revoke", help="make a token worthless")
        revoke.add_argument("token_id", type=int, metavar="ID", help="as `token list` shows it")
        for each in (create, listing, revoke):
            common_arguments(each)

    def run(self, options: Json) -> ExitCode:
        """Do what was asked for."""
        actions = {"create": self._create, "list": self._list, "revoke": self._revoke}
        return actions[options["action"]](options)

    def _create(self, options: Json) -> ExitCode:
        made = write(
            token_create,
            acting(options),
            username=options["user"],
            name=options["name"],
            scopes=options["scopes"].split(","),
        )
        return self.answer(made, made["token"])

    def _list(self, options: Json) -> ExitCode:
        tokens = token_list(acting(options), username=options["user"] or "")["tokens"]
        columns = ("ID", "ACCOUNT", "NAME", "PREFIX", "SCOPES", "CREATED", "LAST USED", "REVOKED")
        cells = [
            (
                str(t["tokenId"]),
                t["username"],
                t["name"],
                t["prefix"],
                ",".join(t["scopes"]),
                t["createdAt"],
                t["lastUsedAt"] or "never",
                t["revokedAt"] or "",
            )
            for t in tokens
        ]
        return self.answer(
            {"tokens": tokens}, table(columns, cells, empty="There are no tokens. `token create` makes one.")
        )

    def _revoke(self, options: Json) -> ExitCode:
        gone = write(token_revoke, acting(options), token_id=options["token_id"])
        words = "was revoked before" if gone["alreadyRevoked"] else "is revoked"
        return self.answer(gone, f'Token {gone["tokenId"]} "{gone["name"]}" of {gone["username"]} {words}.')
