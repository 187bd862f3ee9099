"""Hostile input in bulk, against a real server: typed answers, sockets that stay, no traceback, bounded memory, nothing lost."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import string

import pytest
from websockets.asyncio.client import connect

from sessions_app.errors import ErrorCode
from sessions_app.gateway.methods import METHODS
from tests.support.client import GatewayClient

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
FRAMES = 10_000
REQUESTS = 5_000
DISCONNECTS = 300
GROWTH_MAX_BYTES = 150 * 1024 * 1024
ODD = [
    "",
    "\x00",
    "\u202e",
    "é" * 300,
    "agent:main:main",
    "../../etc/passwd",
    "' OR 1=1 --",
    "{}",
    "💥" * 50,
    "a" * 5000,
    "\ud800",
]


def _value(chance: random.Random, depth: int = 0):
    """Any JSON value, the odder the better."""
    kind = chance.randrange(8)
    if kind == 0 and depth < 4:
        return {chance.choice(ODD): _value(chance, depth + 1) for _ in range(chance.randrange(4))}
    if kind == 1 and depth < 4:
        return [_value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return chance.choice([None, True, 0, -1, 2**63, 1e308, chance.choice(ODD), chance.choice(ODD)])


def _frame(chance: random.Random, number: int) -> str:
    """A frame that is broken in one of many ways, or of the right shape with nonsense inside."""
    kind = chance.randrange(6)
    if kind == 0:
        return "".join(chance.choices(string.printable, k=chance.randrange(1, 200)))
    if kind == 1:
        return json.dumps(_value(chance))
    method = chance.choice([*METHODS, "nope", "connect", "__class__"])
    if method in {"gateway.restart", "audit.verify"}:
        method = "sessions.get"
    fields = METHODS[method].params.model_json_schema(by_alias=True).get("properties", {}) if method in METHODS else {}
    params = {name: _value(chance) for name in fields if chance.random() < 0.8}
    frame = {"type": "req", "id": f"f{number}", "method": method, "params": params if kind < 5 else _value(chance)}
    text = json.dumps(frame)
    return text[: chance.randrange(1, len(text))] if kind == 2 else text


async def test_ten_thousand_hostile_frames_are_answered_and_the_socket_stays(server, token):
    chance = random.Random(7)
    before = server.memory_bytes()
    async with (
        GatewayClient(server.port, token) as calm,
        connect(f"ws://127.0.0.1:{server.port}/ws/gateway", max_size=None) as rough,
    ):
        await rough.send(
            json.dumps({"type": "req", "id": "hello", "method": "connect", "params": {"auth": {"token": token}}})
        )
        codes: dict[str, int] = {}

        async def read() -> None:
            while sum(codes.values()) < FRAMES + 1:
                frame = json.loads(await rough.recv())
                if frame["type"] == "res":
                    code = "ok" if frame["ok"] else frame["error"]["code"]
                    codes[code] = codes.get(code, 0) + 1

        reading = asyncio.create_task(read())
        for number in range(FRAMES):
            await rough.send(_frame(chance, number))
            if number % 40 == 0:
                await asyncio.sleep(0)
        await asyncio.wait_for(reading, 120)
        assert set(codes) <= {"ok", *ErrorCode}
        assert "internal" not in codes
        assert codes["invalid_frame"] > 1000
        assert codes["invalid_params"] > 1000
        assert (await calm.call("audit.verify"))["ok"]
    assert server.memory_bytes() - before < GROWTH_MAX_BYTES
    assert server.stop() == 0
    assert "Traceback" not in "".join(server.lines + server.problems)


async def test_five_thousand_hostile_requests_break_nothing(server, token):
    chance = random.Random(11)
    paths = [
        "/",
        "/signin/",
        "/rpc/sessions.list",
        "/rpc/nope",
        "/static/../secret_key",
        "/chat/agent:main:main/",
        "/archives/",
        "/%00",
        "/signin/link/x",
    ]
    await asyncio.to_thread(_requests, server.port, token, chance, paths)
    async with GatewayClient(server.port, token) as client:
        assert (await client.say("still here"))["status"] == "accepted"
    assert server.stop() == 0
    assert "Traceback" not in "".join(server.lines + server.problems)


def _requests(port: int, token: str, chance: random.Random, paths: list[str]) -> None:
    """Each on a connection that is kept while the server keeps it; every answer is HTTP and none is a 500."""
    link: socket.socket | None = None
    for _ in range(REQUESTS):
        body = json.dumps(_value(chance)) if chance.random() < 0.5 else "".join(chance.choices(string.printable, k=50))
        verb = chance.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"])
        words = [f"{verb} {chance.choice(paths)} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body.encode())}"]
        if chance.random() < 0.5:
            words.append(f"Authorization: Bearer {chance.choice([token, 'x', '', 'é'])}")
        if chance.random() < 0.2:
            words.append(f"Cookie: holdfast_session={'x' * chance.randrange(300)}")
        link = link or socket.create_connection(("127.0.0.1", port), timeout=20)
        try:
            link.sendall(("\r\n".join(words) + "\r\n\r\n" + body).encode())
            answer = link.recv(65536)
        except ConnectionError:
            answer = b""
        if answer:
            assert answer.startswith(b"HTTP/1.1 "), answer[:80]
            assert not answer.startswith(b"HTTP/1.1 500"), answer[:300]
        link.close()  # what is left of the answer is nobody's next one
        link = None


async def test_three_hundred_disconnects_while_streaming_show_what_is_stored(server, token):
    chance = random.Random(13)
    shown: dict[int, str] = {}
    cursor = 0
    async with GatewayClient(server.port, token) as speaker:
        key, session = speaker.key, speaker.session
        talking = asyncio.create_task(_talk(speaker))
        for _ in range(DISCONNECTS):
            async with GatewayClient(server.port, token) as watcher:
                synced = await watcher.call("events.sync", sessionKey=key, afterEvent=cursor)
                await asyncio.sleep(chance.random() * 0.02)
                live = [(frame["event"], frame["payload"]) for frame in watcher.seen if "eventSeq" in frame["payload"]]
                rows = [
                    (row["type"], {**row["payload"], "eventSeq": row["eventSeq"]}) for row in synced["events"]
                ] + live
                cursor = _follow(shown, rows, cursor)
        await talking
        last = await speaker.call("events.sync", sessionKey=key, afterEvent=cursor)
        _follow(
            shown, [(row["type"], {**row["payload"], "eventSeq": row["eventSeq"]}) for row in last["events"]], cursor
        )
        page = await speaker.call("chat.history", sessionKey=key, sessionId=session, limit=200)
    stored = {entry["seq"]: entry["text"] for entry in page["entries"]}
    assert len(stored) >= 40
    assert shown == stored


async def _talk(speaker: GatewayClient) -> None:
    for number in range(20):
        run = await speaker.say(f"message {number}")
        await speaker.until("chat", runId=run["runId"], state="final")


def _follow(shown: dict[int, str], rows: list, cursor: int) -> int:
    """What a page does with events: each number once, in order, none left out."""
    for name, payload in rows:
        assert payload["eventSeq"] == cursor + 1, "a number is missing or comes twice"
        cursor = payload["eventSeq"]
        if name == "entry.added":
            assert payload["entry"]["seq"] not in shown
            shown[payload["entry"]["seq"]] = payload["entry"]["text"]
    return cursor
