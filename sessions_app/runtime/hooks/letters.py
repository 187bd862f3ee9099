"""What subscribers are told, and what every way to tell them has in common."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol

from sessions_app.values import Json


class DeliveryFailedError(Exception):
    """An attempt failed; the words say why, and hold no secret and no query of the URL."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a subscriber is told: the id that stays the same however often it is sent, the type, and the payload."""

    event_id: str
    type: str
    payload: Json

    @property
    def body(self) -> bytes:
        """The payload as it is sent and signed."""
        return json.dumps(self.payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


class Sender(Protocol):
    """Tells one subscriber."""

    async def send(self, letter: Letter) -> str:
        """One attempt.

        Returns:
            What came back, in words.

        Raises:
            DeliveryFailedError: it did not work.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...
