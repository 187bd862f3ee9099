"""The real ASGI application over sockets without a network, and the same over HTTP."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from controlui.asgi import application
from sessions_app.models import User
from sessions_app.services.tokens import token_create
from sessions_app.values import Json
from tests.runtime.conftest import agent, process
from tests.support.world import World

__all__ = ["agent", "process"]

HOST = "127.0.0.1:8765"
SECONDS = 20


class Socket:
    """One socket: requests by id, events in the order they came."""

    def __init__(self, headers: dict[str, str]) -> None:
        pairs = [(name.encode(), value.encode()) for name, value in {"host": HOST, **headers}.items()]
        self.wire = WebsocketCommunicator(application, "/ws/gateway", headers=pairs)
        self._ids = itertools.count(1)
        self._answers: dict[str | None, list[Json]] = {}
        self.events: list[Json] = []

    async def open(self) -> tuple[bool, Any]:
        return await self.wire.connect(timeout=SECONDS)

    async def close(self) -> None:
        await self.wire.disconnect(timeout=SECONDS)

    async def start(self, method: str, params: Any = None, **fields: Any) -> str:
        """Send a request; its id."""
        number = f"r{next(self._ids)}"
        await self.send({"type": "req", "id": number, "method": method, "params": params or {}, **fields})
        return number

    async def send(self, frame: Any) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        await self.wire.send_input({"type": "websocket.receive", "text": text})

    async def answer(self, number: str | None) -> Json:
        """The answer to a request; events that come before it are kept."""
        while not self._answers.get(number):
            await self._take()
        return self._answers[number].pop(0)

    async def call(self, method: str, params: Any = None) -> Json:
        """The payload of an answer."""
        answer = await self.answer(await self.start(method, params))
        assert answer["ok"], answer
        payload: Json = answer["payload"]
        return payload

    async def error(self, method: str, params: Any = None) -> Json:
        """The error of an answer."""
        answer = await self.answer(await self.start(method, params))
        assert not answer["ok"], answer
        error: Json = answer["error"]
        return error

    async def hello(self, token: str = "") -> Json:
        auth = {"auth": {"token": token}} if token else {}
        return await self.call("connect", {"client": {"id": "test", "version": "1"}, **auth})

    async def until(self, condition: Callable[[list[Json]], Any]) -> None:
        """Take events until something is true of all that came."""
        while not condition(self.events):
            await self._take()

    async def _take(self) -> None:
        frame = json.loads(await self.wire.receive_from(timeout=SECONDS))
        if frame["type"] == "event":
            self.events.append(frame)
        else:
            self._answers.setdefault(frame["id"], []).append(frame)


OpenSocket = Callable[..., Awaitable[Socket]]


@pytest_asyncio.fixture
async def open_socket(process: Any) -> AsyncIterator[OpenSocket]:
    """Opens sockets; all are closed in the end."""
    opened: list[Socket] = []

    async def opener(**headers: str) -> Socket:
        socket = Socket(headers)
        assert (await socket.open())[0]
        opened.append(socket)
        return socket

    yield opener
    await asyncio.gather(*(socket.close() for socket in opened))


@pytest.fixture
def token(world: World) -> str:
    """A token of ana's that may do everything she may."""
    return make_token(world, "read", "write")


def make_token(world: World, *scopes: str, username: str = "ana") -> str:
    made = world.do(token_create, world.admin, username=username, name="program", scopes=list(scopes))
    return str(made["token"])


def cookie_of(username: str) -> dict[str, str]:
    """The headers of a page of ours on which somebody signed in."""
    browser = Client()
    browser.force_login(User.objects.get(username=username))
    name = settings.SESSION_COOKIE_NAME
    return {"origin": f"http://{HOST}", "cookie": f"{name}={browser.cookies[name].value}"}


@pytest.fixture
def cookie(world: World) -> dict[str, str]:
    """Headers of ana's page."""
    return cookie_of("ana")


@pytest_asyncio.fixture
async def program(open_socket: OpenSocket, token: str) -> Socket:
    """A program of ana's that said hello."""
    socket = await open_socket()
    await socket.hello(token)
    return socket


@pytest_asyncio.fixture
async def page(open_socket: OpenSocket, cookie: dict[str, str]) -> Socket:
    """Ana's page that said hello."""
    socket = await open_socket(**cookie)
    await socket.hello()
    return socket
