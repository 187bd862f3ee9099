"""Does length cost? Sending, history, reset, restore and branch in a conversation of 1,000,000 entries against one of 100.

Two servers on the same core: one data directory with 100 conversations, the first with 100 entries; one with 10,000 conversations,
the first with 1,000,000 entries and a run for every question. Calls alternate between the two, over the socket. History pages of
50: newest, and at a random position. Reset and restore move the pointer away from the long session and back to it; branches start
at its middle. Wanted: p50 at most 1.3 times.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from bench.ground import Ground, Place
from bench.rows import TIMES, Row, at_most, milliseconds, quantile, times
from bench.sends import MESSAGE
from bench.wire import Json, Socket, connected

BOUND = 1.3
SMALL = (100, 100)
LARGE = (10_000, 1_000_000)
SMOKE = (300, 10_000)
Call = Callable[[], Awaitable[float]]


class Client:
    """One client of one place, with calls that tell how long they took."""

    def __init__(self, socket: Socket, place: Place, entries: int) -> None:
        self.socket, self.entries = socket, entries
        self.key, self.session = place.conversations[0]["sessionKey"], place.conversations[0]["sessionId"]
        self.long = self.session
        self.checkpoint = ""

    async def ready(self) -> None:
        """Make the checkpoint that branches start from."""
        made = await self._write("checkpoints.create", sessionId=self.long, seq=self.entries // 2)
        self.checkpoint = made[0]["checkpointId"]

    async def send(self) -> float:
        """A message; nobody answers it, and at most 100 may wait."""
        params = {"sessionKey": self.key, "sessionId": self.long, "message": MESSAGE, "idempotencyKey": uuid4().hex}
        _, seconds = await self.socket.timed("chat.send", **params)
        return seconds

    async def newest(self) -> float:
        """The newest page."""
        page, seconds = await self.socket.timed("chat.history", sessionKey=self.key, sessionId=self.long)
        assert len(page["entries"]) == 50
        return seconds

    async def somewhere(self) -> float:
        """A page at a random position."""
        before = random.randint(60, self.entries)
        page, seconds = await self.socket.timed(
            "chat.history", sessionKey=self.key, sessionId=self.long, beforeSeq=before
        )
        assert len(page["entries"]) == 50
        return seconds

    async def reset(self) -> float:
        """Put the long session aside; the preview is not counted."""
        preview = await self.socket.call("sessions.reset.preview", sessionKey=self.key)
        assert preview["sessionId"] == self.long
        answer, seconds = await self._write("sessions.reset", sessionId=self.long, confirmation=preview["token"])
        self.session = answer["newSessionId"]
        return seconds

    async def restore(self) -> float:
        """Bring it back."""
        answer, seconds = await self._write(
            "archives.restore", sessionId=self.long, expectedCurrentSessionId=self.session
        )
        self.session = answer["newSessionId"]
        assert self.session == self.long
        return seconds

    async def branch(self) -> float:
        """A new conversation from the middle of it."""
        _, seconds = await self._write("checkpoints.branch", checkpointId=self.checkpoint, title=uuid4().hex)
        return seconds

    async def _write(self, method: str, **params: Json | str | int) -> tuple[Json, float]:
        return await self.socket.timed(method, sessionKey=self.key, requestId=uuid4().hex, **params)


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    small = ground.place(*SMALL)
    sizes = SMOKE if ground.quick else LARGE
    large = ground.place(*sizes)
    with ground.serving(small) as few, ground.serving(large) as much:
        pair = [
            Client(await connected(few.port, small.token), small, SMALL[1]),
            Client(await connected(much.port, large.token), large, sizes[1]),
        ]
        for client in pair:
            await client.ready()
        rows = []
        for words, names in (
            ("history page of 50, newest", ["newest"]),
            ("history page of 50, anywhere", ["somewhere"]),
            ("reset / restore", ["reset", "restore"]),
            ("branch from the middle", ["branch"]),
            ("`chat.send`", ["send"]),  # last: what waits for an answer would be in the way of a reset
        ):
            times = await alternated(pair, names, ground.few(90, 10))
            rows += [_row(words if len(names) == 1 else name, *times[name], sizes[1]) for name in names]
    return rows


async def alternated(
    pair: Sequence[object], names: list[str], count: int
) -> dict[str, tuple[list[float], list[float]]]:
    """Each call on the small and on the large place in turn; durations by name."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    for number in range(count + 5):
        for client, which in zip(pair, (0, 1), strict=True):
            for name in names:
                seconds = await getattr(client, name)()
                if number >= 5:
                    times[name][which].append(seconds)
    return times


def _row(words: str, small: list[float], large: list[float], entries: int) -> Row:
    few, much = quantile(small, 0.5), quantile(large, 0.5)
    bound, met = at_most(much / few, BOUND, TIMES)
    return Row(
        f"{words}, {entries:,} entries",
        milliseconds(much),
        f"100 entries {milliseconds(few)}",
        times(much / few),
        bound,
        met,
        f"p99 {milliseconds(quantile(large, 0.99))} against {milliseconds(quantile(small, 0.99))}",
    )
