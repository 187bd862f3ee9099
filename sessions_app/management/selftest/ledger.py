"""What the server promised, as its clients heard it, and what was asked without an answer."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Ledger:
    """One drill's promises.

    Attributes:
        asked: text by idempotency key, for every message sent at least once.
        acked: (session id, seq) by idempotency key, for every message acknowledged.
        resets: (old session id, new session id) of every acknowledged reset.
        restores: (old session id, new session id) of every acknowledged restore.
        kills, terms: how often the server was killed, and asked to end.
        bad_exits: exit codes of SIGTERM other than 0.
    """

    asked: dict[str, str] = field(default_factory=dict)
    acked: dict[str, tuple[str, int]] = field(default_factory=dict)
    resets: list[tuple[str, str]] = field(default_factory=list)
    restores: list[tuple[str, str]] = field(default_factory=list)
    kills: int = 0
    terms: int = 0
    bad_exits: list[int] = field(default_factory=list)
    chance: random.Random = field(default_factory=random.Random)

    @property
    def unsure(self) -> list[str]:
        """Keys of messages that were sent and not acknowledged yet: they must be sent again, under the same key."""
        return [key for key in self.asked if key not in self.acked]
