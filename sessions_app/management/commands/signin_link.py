"""`manage.py signin_link USER`: a link that signs one person in, once, within fifteen minutes."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandParser

from sessions_app.management.addresses import DEFAULT_HOST, DEFAULT_PORT, base_url, sign_in_url
from sessions_app.management.base import HoldfastCommand, acting, common_arguments, write
from sessions_app.runtime.data_lock import serving_process
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.services.people import sign_in_link_create
from sessions_app.values import Json


class Command(HoldfastCommand):
    """Print a one-time sign-in link."""

    help = "Print a one-time sign-in link for an account; it works once, for fifteen minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who it is for, and which address people reach the server by."""
        parser.add_argument("username", metavar="USER")
        parser.add_argument("--base-url", metavar="URL", help="e.g. https://chat.example (default: where it listens)")
        common_arguments(parser)

    def run(self, options: Json) -> ExitCode:
        """Make the link and print it."""
        link = write(sign_in_link_create, acting(options), username=options["username"])
        server = serving_process(settings.DATA_DIR)
        host, port = (server.host, server.port) if server else (DEFAULT_HOST, DEFAULT_PORT)
        url = sign_in_url(link["token"], base=options["base_url"] or base_url(host, port))
        document = {"url": url, "username": link["username"], "expiresAt": link["expiresAt"]}
        return self.answer(document, url)
