"""A watcher of the hub that keeps what it is given, as a socket would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from sessions_app.values import Actor, Json


class Inbox:
    """Takes frames until it is full.

    Attributes:
        room: how many more frames it takes.
        texts: the frames as they came, encoded but for their `seq`.
    """

    def __init__(self, room: int = 1_000_000, actor: Actor | None = None) -> None:
        self.room = room
        self.actor = actor
        self.texts: list[str] = []
        self.is_hung_up = False
        self._changed = asyncio.Event()

    def push(self, frame: str) -> bool:
        if self.room <= 0:
            return False
        self.room -= 1
        self.texts.append(frame)
        self._changed.set()
        return True

    def hang_up(self) -> None:
        self.is_hung_up = True
        self._changed.set()

    @property
    def frames(self) -> list[Json]:
        return [json.loads(text + "0}") for text in self.texts]

    @property
    def numbers(self) -> list[int]:
        """The event numbers that came."""
        return [frame["payload"]["eventSeq"] for frame in self.frames if "eventSeq" in frame["payload"]]

    @property
    def deltas(self) -> list[Json]:
        """The payloads of deltas that came."""
        return [frame["payload"] for frame in self.frames if frame["payload"].get("state") == "delta"]

    def ends(self, state: str) -> int:
        """How many answers ended this way."""
        return sum(f["event"] == "chat" and f["payload"]["state"] == state for f in self.frames)

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        """Wait until something is true of what came."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
