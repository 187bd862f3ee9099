"""Messages as load: `chat.send` frames made ahead, and clients that send one after the other.

A session takes at most 100 unanswered messages, so with the runner paused a client moves on to its next conversation in time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from bench.wire import ANSWER, Socket

MESSAGE = "The build of last night failed again in its third step. " * 7  # 392 characters: a row of about 500 bytes
PER_SESSION = 95
_OK = b'"ok":true'
_FINAL = b'"state":"final"'


def frames(conversations: Sequence[dict[str, str]], per_session: int = PER_SESSION) -> Iterator[bytes]:
    """`chat.send` frames, so many for each conversation, then the next one."""
    for place in conversations:
        for _ in range(per_session):
            params = {**place, "message": MESSAGE, "idempotencyKey": uuid4().hex}
            yield json.dumps({"type": "req", "id": "s", "method": "chat.send", "params": params}).encode()


def shares(conversations: Sequence[dict[str, str]], clients: int) -> list[Sequence[dict[str, str]]]:
    """The conversations, dealt out to clients."""
    return [conversations[number::clients] for number in range(clients)]


@dataclass
class Load:
    """Clients that each keep one message on its way.

    Attributes:
        answered: wait for the end of the answer too, not for the ack only.
        done: how many round trips ended while it counted.
        waits: how long each of those took, in seconds.
        client_share: how busy this process was while it counted, of one core.
    """

    sockets: Sequence[Socket]
    next_frames: Sequence[Iterator[bytes]]
    answered: bool = False
    done: int = 0
    waits: list[float] = field(default_factory=list)
    seconds: float = 0.0
    client_share: float = 0.0

    async def run(self, seconds: float) -> None:
        """Send for a while, count, and let what is on its way arrive."""
        self.done, self.waits = 0, []
        stop = time.perf_counter() + seconds
        ends = []
        began, used = time.perf_counter(), time.process_time()
        for socket, nexts in zip(self.sockets, self.next_frames, strict=True):
            ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            socket.on_text = self._turn(socket, nexts, stop, ended)
            ends.append(ended)
        await asyncio.wait_for(asyncio.gather(*ends), seconds + 60)
        self.seconds = time.perf_counter() - began
        self.client_share = (time.process_time() - used) / self.seconds

    @property
    def rate(self) -> float:
        """Round trips in a second."""
        return self.done / self.seconds

    def _turn(
        self, socket: Socket, nexts: Iterator[bytes], stop: float, ended: asyncio.Future[None]
    ) -> Callable[[bytes, float], None]:
        sent = time.perf_counter()
        missing = 2 if self.answered else 1

        def take(text: bytes, at: float) -> None:
            nonlocal sent, missing
            if text.startswith(ANSWER):
                if _OK not in text[:60]:
                    ended.set_exception(RuntimeError(text[:300].decode()))
                    return
            elif not self.answered or _FINAL not in text or not text.startswith(b'{"type":"event","event":"chat"'):
                return
            missing -= 1
            if missing:
                return
            self.done += 1
            self.waits.append(at - sent)
            if at >= stop:
                if not ended.done():
                    ended.set_result(None)
                return
            missing = 2 if self.answered else 1
            sent = time.perf_counter()
            socket.send(next(nexts))

        socket.send(next(nexts))
        return take


@dataclass
class Echoes:
    """The same sockets and the same bytes against the bare echo."""

    sockets: Sequence[Socket]
    frame: bytes
    client_share: float = 0.0

    async def run(self, seconds: float) -> float:
        """Echo for a while; round trips in a second."""
        done, stop = itertools.count(), time.perf_counter() + seconds
        began, used = time.perf_counter(), time.process_time()
        ends = []
        for socket in self.sockets:
            ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            socket.on_text = self._again(socket, done, stop, ended)
            socket.send(self.frame)
            ends.append(ended)
        await asyncio.wait_for(asyncio.gather(*ends), seconds + 30)
        wall = time.perf_counter() - began
        self.client_share = (time.process_time() - used) / wall
        return next(done) / wall

    def _again(
        self, socket: Socket, done: Iterator[int], stop: float, ended: asyncio.Future[None]
    ) -> Callable[[bytes, float], None]:
        def take(_text: bytes, at: float) -> None:
            next(done)
            if at < stop:
                socket.send(self.frame)
            elif not ended.done():
                ended.set_result(None)

        return take
