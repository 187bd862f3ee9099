"""`manage.py search status|rebuild`: how far the search index is, and making it again from what is stored."""

from __future__ import annotations

from django.core.management.base import CommandParser

from sessions_app.management.base import HoldfastCommand, acting, common_arguments, write
from sessions_app.management.tables import facts
from sessions_app.models import SearchRow
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.runtime.search_indexer import index_all
from sessions_app.selectors.search_backlog import search_lag
from sessions_app.services.search import search_clear
from sessions_app.values import Json


class Command(HoldfastCommand):
    """Look at the search index, or make it again."""

    help = (
        "Say how far the search index is (status), or make it again from what is stored (rebuild). Nothing can be lost."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """One sub-command each."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="status|rebuild")
        for name, words in (
            ("status", "how many entries are found, and how many not yet"),
            ("rebuild", "make it again"),
        ):
            common_arguments(actions.add_parser(name, help=words))

    def run(self, options: Json) -> ExitCode:
        """Do what was asked for."""
        actor = acting(options)
        if options["action"] == "rebuild":
            write(search_clear, actor)
            index_all(self._told)
        lag = search_lag()
        found = {"indexed": SearchRow.objects.count(), "waiting": lag["entries"], "waitsSeconds": lag["seconds"]}
        pairs = [("Found by search", f"{found['indexed']:,}"), ("Not indexed yet", f"{found['waiting']:,}")]
        return self.answer(found, facts(pairs))

    def _told(self, entry_id: int) -> None:
        """Say how far it is, for who watches."""
        if not self.as_json:
            self.stderr.write(f"{entry_id:,} entries looked at")
