"""How fast what comes from elsewhere is written: while a server serves beside, little at once and a pause after it, so that acks need not wait."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from sessions_app.models import ServerInstance
from sessions_app.runtime import writers
from sessions_app.values import Actor, Call, Command, Json, Trigger, Verb

PAUSE_SECONDS = 0.005
SERVER_ALIVE_SECONDS = 30
ASKED_EACH_SECONDS = 2


def called(actor: Actor, verb: Verb, **params: Any) -> Json:
    """Carry out a verb as an import."""
    return writers.current().call(Command(verb, Call(actor, Trigger.IMPORT), params))


@dataclass(slots=True)
class Pacing:
    """The pace of one import or adoption.

    Attributes:
        is_serving: whether a server serves beside, as far as is known; looked after every ASKED_EACH_SECONDS.
    """

    is_serving: bool = True
    _asked_at: float = -1e9
    _free_from: float = 0.0

    def others_first(self) -> None:
        """Let others write between two transactions, while a server serves beside; making the next one ready counts."""
        if self.is_serving and (rest := self._free_from - time.monotonic()) > 0:
            time.sleep(rest)

    def written(self) -> None:
        """A transaction was just stored."""
        now = time.monotonic()
        self._free_from = now + PAUSE_SECONDS
        if now - self._asked_at > ASKED_EACH_SECONDS:
            alive = timezone.now() - datetime.timedelta(seconds=SERVER_ALIVE_SECONDS)
            rows = ServerInstance.objects.filter(stopped_at__isnull=True, heartbeat_at__gte=alive)
            self._asked_at, self.is_serving = now, rows.exists()
