"""What every command of ours shares: bootstrap first, act through the same verbs as the pages, end with a documented number.

With `--json` a command prints exactly one JSON document on stdout, an error included: `{"error": {code, message, details}}`. Words for
people go to stdout when they are the answer and to stderr when they are a problem.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from argparse import ArgumentParser
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError
from django.db.models import Q, QuerySet

from sessions_app.access import actor_for_user
from sessions_app.errors import ErrorCode, HoldfastError, NotFoundError
from sessions_app.models import User
from sessions_app.rescue.listed import json_pieces
from sessions_app.runtime import writers
from sessions_app.runtime.bootstrap import DatabaseIsNewerError, bootstrap
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.values import Actor, Call, Command, Json, Trigger, Verb

EPILOG = "--data-dir PATH may stand anywhere on the line and says which Holdfast is meant (default: HOLDFAST_DATA_DIR, or var/)."


class HoldfastCommand(BaseCommand):
    """A command over an embedded Holdfast. Subclasses write `arguments` and `run`."""

    bootstraps = True  # False: the place is looked at as it is, and nothing in it is made ready
    requires_system_checks = ()  # they import every page; `check` runs them
    suppressed_base_arguments = {
        "--verbosity",
        "--settings",
        "--pythonpath",
        "--traceback",
        "--no-color",
        "--force-color",
        "--version",
    }

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's parser, with our closing line."""
        return super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)

    def handle(self, **options: Any) -> None:
        """Bootstrap, run, and turn every known refusal into words and a number."""
        self.as_json = bool(options.get("as_json"))
        try:
            if self.bootstraps:
                bootstrap()
            code = self.run(options)
        except HoldfastError as error:
            code = self.problem(str(error.code), error.message, error.details, ExitCode.FAILED)
        except DatabaseIsNewerError as error:
            code = self.problem("database_newer", str(error), {"unknown": error.unknown}, ExitCode.DATABASE_NEWER)
        except DatabaseError as error:
            words = f"The database cannot be used: {error}"
            code = self.problem(str(ErrorCode.STORAGE_UNAVAILABLE), words.strip(), {}, ExitCode.FAILED)
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = ExitCode.FAILED
        self.stdout.flush()
        if code:
            sys.exit(code)

    def run(self, options: Json) -> ExitCode:
        """Do the work; print with `answer`."""
        raise NotImplementedError

    def answer(self, document: Any, text: str) -> ExitCode:
        """Print the one answer: the document with `--json`, else the text."""
        if self.as_json:  # piece by piece: the report of a rescue may be long
            pieces = json_pieces(document, ensure_ascii=False, indent=2)
            for some in iter(lambda: "".join(islice(pieces, 10_000)), ""):
                self.stdout.write(some, ending="")
        self.stdout.write("" if self.as_json else text)
        return ExitCode.OK

    def problem(self, code: str, message: str, details: Json, exit_code: ExitCode) -> ExitCode:
        """Say why it was not done: the words on stderr, with `--json` the error as the document on stdout too."""
        if self.as_json:
            error = {"code": code, "message": message, "details": details}
            self.stdout.write(json.dumps({"error": error}, ensure_ascii=False, indent=2, default=str))
        self.stderr.write(message)
        return exit_code


def write(verb: Verb, actor: Actor, **params: Any) -> Json:
    """Call a verb for somebody at the command line.

    Raises:
        HoldfastError: it was refused.
    """
    call = Call(actor=actor, trigger=Trigger.CLI)
    return writers.current().call(Command(verb=verb, call=call, params=params))


def acting(options: Json) -> Actor:
    """Who is accountable for what a command does: `--as NAME`, or the first administrator. One query.

    Whoever may run commands on this data could read and write it anyway; the name is for the record, and permissions still hold.

    Raises:
        NotFoundError: there is no such account, or no active administrator at all.
    """
    name = options.get("acting")
    user = User.objects.filter(username=name).first() if name else admins().first()
    if user is None:
        raise NotFoundError(f"There is no account {name}." if name else "There is no active administrator here.")
    return dataclasses.replace(actor_for_user(user), at_machine=True)


def admins() -> QuerySet[User]:
    """The active administrators, the oldest first."""
    people = User.objects.filter(Q(is_superuser=True) | Q(groups__name="Admin"), is_active=True)
    return people.order_by("pk").distinct()


def common_arguments(parser: ArgumentParser) -> None:
    """The two options every acting command takes."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON document")
    parser.add_argument("--as", dest="acting", metavar="NAME", help="who is accountable (default: the first admin)")
