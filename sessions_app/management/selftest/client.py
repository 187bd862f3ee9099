"""A small client of the gateway: requests by id, events in the order they came."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import uuid
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from sessions_app.values import Json


class GatewayError(Exception):
    """The gateway answered with an error."""

    def __init__(self, error: Json) -> None:
        self.code = error["code"]
        self.details = error["details"]
        self.error = error
        super().__init__(f"{error['code']}: {error['message']}")


class GatewayClient:
    """One socket. Use as an async context manager.

    Args:
        port: of the server, on 127.0.0.1.
        token: of a program.
    """

    def __init__(self, port: int, token: str) -> None:
        self._url = f"ws://127.0.0.1:{port}/ws/gateway"
        self._token = token
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self.events: asyncio.Queue[Json] = asyncio.Queue()
        self.seen: list[Json] = []
        self.hello: Json = {}

    async def __aenter__(self) -> GatewayClient:
        self.socket: ClientConnection = await connect(self._url, max_size=None, compression=None)
        self._reader = asyncio.create_task(self._read())
        self.hello = await self.call("connect", client={"id": "test", "version": "1"}, auth={"token": self._token})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await asyncio.gather(self._reader, return_exceptions=True)

    @property
    def key(self) -> str:
        """The conversation the server says we begin in."""
        return str(self.hello["sessionDefaults"]["sessionKey"])

    @property
    def session(self) -> str:
        """Its current session when we connected."""
        return str(self.hello["sessionDefaults"]["sessionId"])

    async def call(self, method: str, **params: Any) -> Json:
        """Call a method and wait for its answer.

        Raises:
            GatewayError: the gateway refused.
        """
        return await asyncio.wait_for(await self.start(method, **params), 30)

    async def start(self, method: str, **params: Any) -> asyncio.Future[Json]:
        """Send a request; the future has its payload."""
        number = str(next(self._ids))
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        await self.socket.send(json.dumps({"type": "req", "id": number, "method": method, "params": params}))
        return future

    async def say(self, message: str, **params: Any) -> Json:
        """Send a chat message to where we began, unless told otherwise."""
        wanted = {
            "sessionKey": self.key,
            "sessionId": self.session,
            "idempotencyKey": uuid.uuid4().hex,
            "message": message,
        }
        return await self.call("chat.send", **{**wanted, **params})

    async def until(self, event: str, **payload: Any) -> Json:
        """The next event of a type whose payload has these values; those before it stay in `seen`.

        Raises:
            TimeoutError: none came in 20 seconds.
        """

        async def look() -> Json:
            while True:
                frame = await self.events.get()
                if frame["event"] == event and all(
                    frame["payload"].get(name) == value for name, value in payload.items()
                ):
                    return frame

        return await asyncio.wait_for(look(), 20)

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                self._take(json.loads(text))
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the socket closed"))

    def _take(self, frame: Json) -> None:
        if frame["type"] == "event":
            self.seen.append(frame)
            self.events.put_nowait(frame)
            return
        future = self._waiting.pop(frame["id"], None)
        if future is None or future.done():
            return
        if frame["ok"]:
            future.set_result(frame["payload"])
        else:
            future.set_exception(GatewayError(frame["error"]))
