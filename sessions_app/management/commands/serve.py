"""`manage.py serve`: the server. On the terminal: where it listens, and a sign-in link while nobody could sign in without one."""

from __future__ import annotations

from collections.abc import Callable

from django.core.management.base import CommandParser
from django.db import connections

from sessions_app.management.addresses import DEFAULT_HOST, DEFAULT_PORT, base_url, sign_in_url
from sessions_app.management.base import HoldfastCommand, admins, write
from sessions_app.runtime.data_lock import DataDirBusyError
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.services.people import sign_in_link_create
from sessions_app.values import SYSTEM, Json


class Command(HoldfastCommand):
    """Serve until SIGTERM or SIGINT, then drain."""

    help = "Run the server: pages, WebSocket and agents in one process. SIGTERM and Ctrl-C drain it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default=DEFAULT_HOST, help=f"default: {DEFAULT_HOST}, this machine only")
        parser.add_argument("--port", type=port_number, default=DEFAULT_PORT, help=f"default: {DEFAULT_PORT}")

    def run(self, options: Json) -> ExitCode:
        """Serve; the number it ends with is the server's."""
        from sessions_app.runtime.server import serve  # installs the reactor, which no other command needs

        host, port = options["host"], options["port"]
        lines = invitation(base_url(host, port))
        connections.close_all()  # this thread is the event loop from here on and asks the database nothing
        try:
            return ExitCode(serve(host=host, port=port, print_line=self._printer(lines)))
        except DataDirBusyError as error:
            facts = {"pid": error.owner.pid} if error.owner else {}
            return self.problem("data_dir_busy", str(error), facts, ExitCode.DATA_DIR_BUSY)

    def _printer(self, after_first: list[str]) -> Callable[[str], None]:
        """A printer of lines, flushed at once; the first one says that the server is ready, and the invitation follows it."""
        waiting = [*after_first]

        def print_line(line: str) -> None:
            for each in [line, *waiting]:
                self.stdout.write(each)
            waiting.clear()
            self.stdout.flush()

        return print_line


def port_number(word: str) -> int:
    """A port one can listen on and write into a link.

    Raises:
        ValueError: it is none; argparse says so.
    """
    number = int(word)
    if not 1 <= number <= 65535:
        raise ValueError(word)
    return number


def invitation(base: str) -> list[str]:
    """A one-time sign-in link, as long as no active administrator has a password to sign in with; else nothing."""
    people = list(admins())
    if not people or any(person.has_usable_password() for person in people):
        return []
    link = write(sign_in_link_create, SYSTEM, username=people[0].username)
    return [f"Sign in as {link['username']} (once, within 15 minutes): {sign_in_url(link['token'], base=base)}"]
