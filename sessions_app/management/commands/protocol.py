"""`manage.py protocol`: the generated half of docs/protocol.md."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import import_string


class Command(BaseCommand):
    """Print error codes, methods and schemas, or write them into the document."""

    help = "Print the generated part of docs/protocol.md; --write puts it there."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument("--write", action="store_true", help="put it into docs/protocol.md")

    def handle(self, **options: Any) -> None:
        """Print or write."""
        # by name: transports do not import each other
        reference = "sessions_app.gateway.reference"
        if options["write"]:
            import_string(f"{reference}.document_write")(settings.BASE_DIR / "docs" / "protocol.md")
        else:
            self.stdout.write(import_string(f"{reference}.reference")())
