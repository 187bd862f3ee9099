"""Noticing what other processes wrote: commands at the command line, and other servers on PostgreSQL.

It also hangs up on people whose account was disabled, and on programs whose token was revoked, within a quarter of a second.

On SQLite a change of `PRAGMA data_version` (69 µs) says that somebody committed; then one query names the conversations touched
lately. Nothing depends on this but how soon a watcher sees what a command did.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from uuid import UUID

from django.db import connection
from django.utils import timezone

from sessions_app import access
from sessions_app.errors import HoldfastError
from sessions_app.models import Conversation
from sessions_app.runtime.hub import Hub
from sessions_app.runtime.readers import Readers
from sessions_app.runtime.runner import Runner
from sessions_app.values import Actor

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
_LATELY = datetime.timedelta(seconds=5)
_MOST = 500


async def watch_other_processes(readers: Readers, hub: Hub, runner: Runner) -> None:
    """Poke the hub, and wake the runner, when somebody else wrote; for ever."""
    version = -1
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        watched = hub.watched()
        try:
            new_version, touched, gone = await readers.read(_look, version, hub.actors())
        except HoldfastError:
            continue
        version = new_version
        hub.hang_up(gone)
        behind = [pk for pk, last_event in touched if last_event > watched.get(pk, last_event)]
        if behind:
            hub.poke(behind)
        if touched:
            runner.wake()


def _look(version: int, actors: set[Actor]) -> tuple[int, list[tuple[UUID, int]], list[Actor]]:
    """The database's version; when it has changed, the conversations touched lately, and the actors who may not be here any more.

    One query; up to four after a change.

    The version differs between connections, so a change may be seen twice: that costs one look.
    """
    now = version + 1
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            now = cursor.fetchone()[0]
    if now == version:
        return now, [], []
    lately = Conversation.objects.filter(updated_at__gte=timezone.now() - _LATELY).order_by("-updated_at")
    gone = [actor for actor, standing in access.standings(actors).items() if not standing.is_active]
    return now, list(lately.values_list("pk", "last_event")[:_MOST]), gone
