"""SIGTERM with 1,000 idle and 100 busy sockets: how long until the last of them is closed.

The idle ones watch a conversation, as pages do; the busy ones keep one message on its way, each answered by an instant local model
behind the `openai` SDK. A client that is told `shutdown` sends nothing more, as a page does. Wanted: every socket gets code 1012, no
message stays without an answer, and all of it takes at most 3 s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from bench.ground import OPENAI, Ground
from bench.rows import Row, at_most
from bench.sends import frames, shares
from bench.wire import ANSWER, Socket, many

BOUND_SECONDS = 3.0
TURNS = 40
LOAD_SECONDS = 2.0
_SHUTDOWN = b'"event":"shutdown"'


class Busy:
    """A client that sends on as soon as it has its ack, until it is told that the server goes."""

    def __init__(self, socket: Socket, nexts: Iterator[bytes]) -> None:
        self._socket, self._nexts = socket, nexts
        self._is_told = False
        self.acked = 0
        self.waiting = 0
        socket.on_text = self._take
        self._send()

    def _send(self) -> None:
        self.waiting += 1
        self._socket.send(next(self._nexts))

    def _take(self, text: bytes, _at: float) -> None:
        if text.startswith(ANSWER):
            self.waiting -= 1
            self.acked += 1
            if not self._is_told:
                self._send()
        elif _SHUTDOWN in text[:60]:
            self._is_told = True


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    idle_count, busy_count = ground.few(1000, 50), ground.few(100, 10)
    place = ground.fresh(busy_count * 20 + 20, 0, each=0)
    with (
        ground.model_server() as url,
        ground.serving(place, runner=True, agent=OPENAI.format(url=url)) as server,
    ):
        idle = await many(idle_count, server.port, place.token)
        for number, socket in enumerate(idle):
            await socket.call("events.sync", sessionKey=place.conversations[number % 20]["sessionKey"])
        sockets = await many(busy_count, server.port, place.token)
        busy = [
            Busy(socket, frames(share, TURNS))
            for socket, share in zip(sockets, shares(place.conversations[20:], busy_count), strict=True)
        ]
        await asyncio.sleep(LOAD_SECONDS)
        began = time.perf_counter()
        server.end()
        everyone = [*idle, *sockets]
        await asyncio.wait_for(asyncio.gather(*(socket.lost() for socket in everyone)), 60)
        seconds = max(socket.lost_at or began for socket in everyone) - began
        code = await asyncio.to_thread(server.process.wait, 30)
        exited = time.perf_counter() - began
    told = sum(socket.close_code == 1012 for socket in everyone)
    unanswered = sum(client.waiting for client in busy)
    bound, met = at_most(seconds, BOUND_SECONDS, " s")
    return [
        Row(
            f"drain of {idle_count:,} idle and {busy_count} busy sockets",
            f"{seconds:.2f} s",
            bound=f"{bound}, all 1012, 0 unanswered",
            met=met and told == len(everyone) and not unanswered and code == 0,
            note=f"{told:,} of {len(everyone):,} closed with 1012; {unanswered} messages without an answer, {sum(c.acked for c in busy):,} "
            f"acknowledged; exit code {code} after {exited:.2f} s",
        )
    ]
