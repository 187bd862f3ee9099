"""The life of a socket: who it is, what it may ask at once, and how it joins what is going on."""

from __future__ import annotations

import threading

import pytest
from channels.db import database_sync_to_async

from sessions_app.gateway import consumer
from sessions_app.gateway.methods import METHODS, Method
from sessions_app.gateway.rate import rate_limits_reset
from sessions_app.models import User
from sessions_app.services.tokens import token_create, token_revoke
from tests.gateway.conftest import make_token
from tests.support.world import request_id

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


def stored(read):
    return database_sync_to_async(read)()


async def say(socket, world, message="hello", **params):
    current = str(await stored(lambda: world.current))
    wanted = {"sessionKey": world.key, "sessionId": current, "message": message, "idempotencyKey": request_id()}
    return await socket.call("chat.send", {**wanted, **params})


def events(socket, name):
    return [event["payload"] for event in socket.events if event["event"] == name]


def deltas(socket):
    return [payload for payload in events(socket, "chat") if payload["state"] == "delta"]


def ended(socket, state="final"):
    return lambda _events: [payload for payload in events(socket, "chat") if payload["state"] == state]


# ---------------------------------------------------------------- who it is


async def test_before_connect_everything_is_unauthenticated(open_socket):
    socket = await open_socket()
    for method in (*METHODS, "no.such.method"):
        assert (await socket.error(method))["code"] == "unauthenticated"


async def test_the_hello_says_who_where_and_how_much(world, process, program, settings):
    hello = await program.hello(await stored(lambda: make_token(world, "read")))
    assert hello["type"] == "hello-ok"
    assert hello["protocol"] == 1
    assert hello["server"] == {"version": settings.VERSION, "instanceId": str(process.instance_id)}
    assert hello["user"] == {"id": str(world.ana.user_id), "name": "ana"}
    assert hello["scopes"] == ["read"]
    assert set(hello["policy"]) == {"maxFrameBytes", "maxInFlight", "tickMs"}
    assert hello["sessionDefaults"] == {"sessionKey": world.key, "sessionId": str(await stored(lambda: world.current))}


async def test_a_page_is_let_in_by_its_cookie_with_all_scopes(world, open_socket, cookie):
    socket = await open_socket(**cookie)
    hello = await socket.hello()
    assert (hello["user"]["name"], hello["scopes"]) == ("ana", ["admin", "read", "write"])


async def test_a_token_in_a_page_counts_before_its_cookie(world, open_socket, cookie):
    socket = await open_socket(**cookie)
    hello = await socket.hello(await stored(lambda: make_token(world, "read", username="bob")))
    assert (hello["user"]["name"], hello["scopes"]) == ("bob", ["read"])


@pytest.mark.parametrize("token", ["", "hf_nonsense", "x" * 200, "\x00", "half \ud800"])
async def test_without_a_good_token_or_cookie_nobody_comes_in(open_socket, token):
    socket = await open_socket()
    error = await socket.error("connect", {"auth": {"token": token}})
    assert error["code"] in {"unauthenticated", "text_invalid"}
    assert (await socket.error("sessions.list"))["code"] == "unauthenticated"


async def test_a_revoked_token_and_a_disabled_account_do_not_come_in(world, open_socket):
    made = await stored(lambda: world.do(token_create, username="ana", name="p", scopes=["read"]))
    other = await stored(lambda: make_token(world, "read", username="bob"))
    await stored(lambda: world.do(token_revoke, token_id=made["tokenId"]))
    await stored(lambda: User.objects.filter(username="bob").update(is_active=False))
    socket = await open_socket()
    for token in (made["token"], other):
        assert (await socket.error("connect", {"auth": {"token": token}}))["code"] == "unauthenticated"


async def test_strangers_are_hung_up_on_after_a_while(process, open_socket, monkeypatch):
    monkeypatch.setattr(consumer, "CONNECT_SECONDS", 0.01)
    socket = await open_socket()
    assert await socket.wire.receive_output(timeout=20) == {"type": "websocket.close", "code": 4401}


async def test_clients_of_other_gateways_may_say_more_at_hello(open_socket, token):
    socket = await open_socket()
    params = {
        "minProtocol": 3,
        "role": "operator",
        "client": {"id": "x", "platform": "ios"},
        "auth": {"token": token, "password": None},
    }
    assert (await socket.call("connect", params))["type"] == "hello-ok"


# ---------------------------------------------------------------- at once


@pytest.fixture
def slow(monkeypatch):
    """A method that takes as long as the test wants."""
    go = threading.Event()
    real = METHODS["audit.verify"]
    reading = Method("test.slow", real.params, "Waits.", read=lambda _actor, _values: {"waited": go.wait(20)})
    monkeypatch.setitem(METHODS, "test.slow", reading)
    yield go
    go.set()


async def test_a_slow_handler_does_not_hold_up_the_next(program, slow):
    first = await program.start("test.slow")
    assert await program.call("sessions.list")
    slow.set()
    assert (await program.answer(first))["payload"] == {"waited": True}


async def test_a_socket_has_only_so_many_requests_at_once(program, slow, settings):
    settings.MAX_IN_FLIGHT = 3
    started = [await program.start("test.slow") for _ in range(3)]
    error = await program.error("sessions.list")
    assert (error["code"], error["retryable"]) == ("rate_limited", True)
    assert error["details"]["maxInFlight"] == 3
    assert error["details"]["retryAfterMs"] > 0
    slow.set()
    assert [(await program.answer(number))["ok"] for number in started] == [True] * 3
    assert await program.call("sessions.list")


async def test_the_limit_is_one_sockets_own(program, page, slow, settings):
    settings.MAX_IN_FLIGHT = 1
    await program.start("test.slow")
    assert await page.call("sessions.list")


async def test_sends_are_taken_in_the_order_they_came(world, program):
    current = str(await stored(lambda: world.current))
    there = {"sessionKey": world.key, "sessionId": current}
    numbers = [
        await program.start("chat.send", {**there, "message": f"{n}", "idempotencyKey": request_id()})
        for n in range(30)
    ]
    assert [(await program.answer(number))["payload"]["entrySeq"] for number in numbers] == list(range(1, 31))


async def test_a_socket_that_leaves_in_the_middle_loses_the_answer_only(world, process, open_socket, token):
    socket = await open_socket()
    await socket.hello(token)
    current = str(await stored(lambda: world.current))
    there = {"sessionKey": world.key, "sessionId": current}
    await socket.start("chat.send", {**there, "message": "kept", "idempotencyKey": "once"})
    await socket.close()
    again = await open_socket()
    await again.hello(token)
    await again.call("chat.send", {**there, "message": "kept", "idempotencyKey": "once"})
    assert await stored(world.texts) == ["kept"]


async def test_more_calls_than_the_rate_allows_are_refused_with_the_time_to_wait(program, settings):
    settings.RATE_LIMITS = {"sessions.list": "2/minute"}
    rate_limits_reset()
    try:
        for _ in range(2):
            await program.call("sessions.list")
        error = await program.error("sessions.list")
        assert await program.call("archives.list")
    finally:
        rate_limits_reset()
    assert error["code"] == "rate_limited"
    assert 0 < error["details"]["retryAfterMs"] <= 60_000
