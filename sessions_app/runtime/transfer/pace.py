"""How fast an import writes: while a server serves beside, few rows at once and a pause after each part, so that acks need not wait."""

from __future__ import annotations

import datetime
import time

from django.utils import timezone

from sessions_app.models import ServerInstance
from sessions_app.runtime import writers
from sessions_app.values import Actor, Call, Command, Json, Trigger, Verb
from sessions_app.values.transfer import PART_MAX_ROWS

PAUSE_SECONDS = 0.005
PART_ALONE_ROWS = 2000
_SERVER_ALIVE_SECONDS = 30
_ASKED_EACH_SECONDS = 2


class Pace:
    """Carries out the verbs of one import."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._is_serving, self._asked_at, self._free_from = True, -1e9, 0.0

    @property
    def part_rows(self) -> int:
        """How many rows go into one transaction."""
        return PART_MAX_ROWS if self._is_serving else PART_ALONE_ROWS

    def call(self, verb: Verb, **params: object) -> Json:
        """Carry out a verb as an import; the time since the one before counts as pause."""
        if self._is_serving and (rest := self._free_from - time.monotonic()) > 0:
            time.sleep(rest)
        answer = writers.current().call(Command(verb, Call(self.actor, Trigger.IMPORT), params))
        now = time.monotonic()
        self._free_from = now + PAUSE_SECONDS
        if now - self._asked_at > _ASKED_EACH_SECONDS:
            alive = timezone.now() - datetime.timedelta(seconds=_SERVER_ALIVE_SECONDS)
            rows = ServerInstance.objects.filter(stopped_at__isnull=True, heartbeat_at__gte=alive)
            self._asked_at, self._is_serving = now, rows.exists()
        return answer
