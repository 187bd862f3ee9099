"""Clients that behave badly cost themselves: who does not read is hung up on, who floods waits, and the others are fine."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.client import GatewayClient

pytestmark = [pytest.mark.asyncio, pytest.mark.e2e]
MEBIBYTE = 1024 * 1024
GROWTH_MAX_BYTES = 96 * MEBIBYTE
DEAF = 8


def frame(number, method, **params):
    return json.dumps({"type": "req", "id": str(number), "method": method, "params": params})


async def deaf(server, token):
    """A socket that said hello and reads no more: a full queue makes the library stop reading from the wire."""
    socket = await connect(f"ws://127.0.0.1:{server.port}/ws/gateway", max_size=None, max_queue=1, compression=None)
    await socket.send(frame(0, "connect", client={"id": "deaf"}, auth={"token": token}))
    assert json.loads(await socket.recv())["ok"]
    return socket


async def is_hung_up(socket):
    """Whether the other side has left: who does not read learns it when they write."""
    for _ in range(1000):
        try:
            await socket.send("{}" * 1000)
        except ConnectionClosed:
            return True
        await asyncio.sleep(0.01)
    return False


class Memory:
    """The most the server held in memory while something went on."""

    def __init__(self, server):
        self.server = server
        self.before = self.most = server.memory_bytes()

    async def watch(self):
        while True:
            self.most = max(self.most, self.server.memory_bytes())
            await asyncio.sleep(0.02)

    @property
    def growth(self):
        return self.most - self.before


async def test_a_client_that_stops_reading_is_hung_up_on_and_the_others_are_fine(server, token):
    server.stop()
    server.start(HOLDFAST_SEND_STALL_MAX_SECONDS="0.3", HOLDFAST_LOG_LEVEL="INFO", HOLDFAST_RUNNER="0")
    async with GatewayClient(server.port, token) as healthy:
        for _ in range(20):
            await healthy.say("x" * 50_000)
        await healthy.call("events.sync", sessionKey=healthy.key)
        sockets = [await deaf(server, token) for _ in range(DEAF)]
        memory = Memory(server)
        watching = asyncio.create_task(memory.watch())
        for number in range(1, 61):
            for socket in sockets:
                await socket.send(frame(number, "chat.history", sessionKey=healthy.key, limit=50))
        async with asyncio.timeout(60):
            while "".join(server.problems).count("hanging up on a client that does not read") < DEAF:
                assert (await healthy.call("sessions.list"))["sessions"]
        sent = await healthy.say("still here")
        await healthy.until("entry.added", sessionKey=healthy.key)
        watching.cancel()
        for socket in sockets:
            assert await is_hung_up(socket)
        assert sent["status"] == "accepted"
        assert memory.growth < 2 * GROWTH_MAX_BYTES  # a few answers for each may be held, a megabyte each; 480 may not
    for socket in sockets:
        socket.transport.abort()
    assert server.stop() == 0


async def test_a_flood_of_frames_waits_outside(server, token):
    async with GatewayClient(server.port, token) as healthy:
        flooding = [await deaf(server, token) for _ in range(2)]
        memory = Memory(server)
        junk = frame(1, "no.such.method", words="x" * 60_000)

        async def flood(socket):
            for _ in range(600):
                await socket.send(junk)

        async def calm():
            for _ in range(20):
                assert (await healthy.call("sessions.list"))["sessions"]
                await asyncio.sleep(0.02)

        watching = asyncio.create_task(memory.watch())
        floods = [asyncio.create_task(flood(socket)) for socket in flooding]
        await calm()
        await asyncio.wait(floods, timeout=10)
        watching.cancel()
        for task in floods:
            task.cancel()
        await asyncio.gather(*floods, return_exceptions=True)
        assert (await healthy.say("still here"))["status"] == "accepted"
        assert memory.growth < GROWTH_MAX_BYTES
        for socket in flooding:
            socket.transport.abort()
    assert server.stop() == 0


async def test_a_frame_beyond_all_bounds_ends_that_socket_only(server, token):
    async with GatewayClient(server.port, token) as healthy, GatewayClient(server.port, token) as greedy:
        with contextlib.suppress(ConnectionClosed):
            await greedy.socket.send("x" * (5 * MEBIBYTE))
        async with asyncio.timeout(60):
            await greedy.socket.wait_closed()
        assert await healthy.call("sessions.list")
    assert server.stop() == 0


async def test_a_frame_just_too_large_is_answered_and_the_socket_stays(server, token):
    async with GatewayClient(server.port, token) as client:
        await client.socket.send(frame(1, "sessions.list", query="x" * (MEBIBYTE + 10)))
        assert await client.call("sessions.list")


@pytest.mark.parametrize("junk", [b"\x00" * 50, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"G" * 100_000])
async def test_whatever_comes_to_the_port_the_server_lives_on(server, token, junk):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(junk)
    with contextlib.suppress(OSError):  # it may have hung up already
        writer.write_eof()
        async with asyncio.timeout(60):
            await reader.read()
    writer.close()
    async with GatewayClient(server.port, token) as client:
        assert await client.call("sessions.list")
