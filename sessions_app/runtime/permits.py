"""Until when, and of which session, a watcher may be sent text of a conversation that is somebody else's."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from sessions_app.values import Json


@dataclass(frozen=True, slots=True)
class Permit:
    """A reason that was given: good for the text of one session, and for a time."""

    session_id: str
    until: datetime.datetime

    def covers(self, payload: Json) -> bool:
        """Whether an event that tells text may be sent now."""
        return payload.get("sessionId") == self.session_id and timezone.now() < self.until


def permit_of(head: Json) -> Permit | None:
    """The permit that an answer of `events_since` tells of; None where no reason is asked."""
    until = parse_datetime(head["readableUntil"]) if head["readableUntil"] else None
    return Permit(head["sessionId"], until) if until else None
