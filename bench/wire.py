"""A lean client of the gateway: an asyncio protocol that reads and writes WebSocket frames itself.

Client frames must be masked; the mask here is zero, which is allowed and costs nothing. Answers are told from events by their first
bytes, and JSON is parsed only where a case needs what is in it. Each case tells how busy the client's core was.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

ANSWER = b'{"type":"res"'
_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class RefusedError(Exception):
    """The gateway answered with an error; no case expects one."""


class Socket(asyncio.Protocol):
    """One WebSocket.

    Attributes:
        on_text: called with each text frame and the time it was read.
        close_code: what the server said when it closed; None while it has not.
        lost_at: when the connection ended; None while it lives.
    """

    def __init__(self, port: int, path: str) -> None:
        self._head = _HANDSHAKE.format(path=path, port=port).encode()
        self._buffer = bytearray()
        self._is_open = False
        self._numbers = itertools.count(1)
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[tuple[bytes, float]] | None = None
        self.close_code: int | None = None
        self.lost_at: float | None = None
        self.on_text: Callable[[bytes, float], None] = self._take_answer

    # ---------------------------------------------------------------- use

    def send(self, text: bytes) -> None:
        """Send one text frame."""
        self._frame(_TEXT, text)

    async def ask(self, text: bytes) -> tuple[bytes, float]:
        """Send a frame and wait for the answer; events that come before it are dropped.

        Returns:
            The answer, and the seconds from sending to reading it.
        """
        self._answer = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self.send(text)
        answer, at = await asyncio.wait_for(self._answer, 60)
        return answer, at - began

    async def call(self, method: str, **params: Any) -> Json:
        """Call a method.

        Raises:
            RefusedError: the gateway refused.
        """
        payload, _ = await self.timed(method, **params)
        return payload

    async def timed(self, method: str, **params: Any) -> tuple[Json, float]:
        """Call a method; its payload, and how long it took in seconds."""
        request = {"type": "req", "id": f"c{next(self._numbers)}", "method": method, "params": params}
        text, seconds = await self.ask(json.dumps(request).encode())
        answer = json.loads(text)
        if not answer["ok"]:
            raise RefusedError(answer["error"])
        return answer["payload"], seconds

    def _take_answer(self, text: bytes, at: float) -> None:
        if self._answer is not None and not self._answer.done() and text.startswith(ANSWER):
            self._answer.set_result((text, at))

    def stall(self) -> None:
        """Stop reading, as a client does that hangs."""
        self._transport.pause_reading()

    async def lost(self) -> None:
        """Wait for the end of the connection."""
        await asyncio.shield(self._closed)

    async def close(self) -> None:
        """Say goodbye and hang up."""
        self._frame(_CLOSE, b"\x03\xe8")
        self._transport.close()
        await self._closed

    # ---------------------------------------------------------------- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._head)

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell whoever waits."""
        self.lost_at = time.perf_counter()
        self._closed.set_result(None)
        for waiting in (self._opened, self._answer):
            if waiting is not None and not waiting.done():
                waiting.set_exception(ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Cut what came into frames."""
        at = time.perf_counter()
        buffer = self._buffer
        buffer += data
        if not self._is_open:
            head, end, _ = bytes(buffer).partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                self._opened.set_exception(ConnectionError(head[:200].decode("latin-1")))
                return
            self._is_open = True
            del buffer[: len(head) + 4]
            self._opened.set_result(None)
        start = 0
        while (found := _cut(buffer, start)) is not None:
            kind, begin, start = found
            if kind == _TEXT:
                self.on_text(bytes(buffer[begin:start]), at)
            elif kind == _CLOSE:
                self.close_code = int.from_bytes(buffer[begin : begin + 2], "big")
                self._frame(_CLOSE, bytes(buffer[begin : begin + 2]))
            elif kind == _PING:
                self._frame(_PONG, bytes(buffer[begin:start]))
        del buffer[:start]

    def _frame(self, kind: int, body: bytes) -> None:
        size = len(body)
        if size < 126:
            head = bytes((0x80 | kind, 0x80 | size))
        elif size < 65_536:
            head = bytes((0x80 | kind, 0x80 | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | kind, 0x80 | 127)) + size.to_bytes(8, "big")
        self._transport.write(head + b"\0\0\0\0" + body)


def _cut(buffer: bytearray, start: int) -> tuple[int, int, int] | None:
    """The next whole frame: its kind, where its body begins, and where it ends."""
    have = len(buffer) - start
    if have < 2:
        return None
    size, begin = buffer[start + 1], start + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if have < 2 + width:
            return None
        size, begin = int.from_bytes(buffer[begin : begin + width], "big"), begin + width
    return (buffer[start] & 0x0F, begin, begin + size) if len(buffer) >= begin + size else None


async def opened(port: int, path: str = "/ws/gateway") -> Socket:
    """A socket whose handshake is done."""
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(lambda: Socket(port, path), "127.0.0.1", port)
    await asyncio.wait_for(socket._opened, 60)
    return socket


async def connected(port: int, token: str) -> Socket:
    """A socket that has said who it is."""
    socket = await opened(port)
    await socket.call("connect", client={"id": "bench", "version": "1"}, auth={"token": token})
    return socket


async def many(count: int, port: int, token: str, at_once: int = 20) -> list[Socket]:
    """Several of them."""
    gate = asyncio.Semaphore(at_once)

    async def one() -> Socket:
        async with gate:
            return await connected(port, token)

    return list(await asyncio.gather(*(one() for _ in range(count))))
