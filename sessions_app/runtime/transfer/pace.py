"""The verbs of one import, at a pace that a server beside it bears."""

from __future__ import annotations

from sessions_app.runtime.pacing import Pacing, called
from sessions_app.values import Actor, Json, Verb
from sessions_app.values.transfer import PART_MAX_ROWS

PART_ALONE_ROWS = 2000


class Pace:
    """Carries out the verbs of one import."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._pacing = Pacing()

    @property
    def part_rows(self) -> int:
        """How many rows go into one transaction."""
        return PART_MAX_ROWS if self._pacing.is_serving else PART_ALONE_ROWS

    def call(self, verb: Verb, **params: object) -> Json:
        """Carry out a verb; the time since the one before counts as pause."""
        self._pacing.others_first()
        answer = called(self.actor, verb, **params)
        self._pacing.written()
        return answer
