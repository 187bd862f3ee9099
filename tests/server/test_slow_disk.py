"""A disk that is slow, stuck or broken: nothing is acknowledged before it is durable, everything else goes on, and the end is bounded."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.client import GatewayClient, GatewayError
from tests.support.disk import Disk
from tests.support.server import Server

pytestmark = [pytest.mark.asyncio, pytest.mark.e2e]
FLUSH_SECONDS = 0.3


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """As it should be, until a test says otherwise."""
    return Disk(tmp_path)


@pytest.fixture
def server(tmp_path: Path, disk: Disk):
    """Serves from that disk; no agent answers, so that only messages are stored."""
    environment = {**disk.environment, "HOLDFAST_RUNNER": "false", "HOLDFAST_DRAIN_SECONDS": "1"}
    with Server(tmp_path / "data", environment=environment) as started:
        yield started


async def until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a file announces nothing
            await asyncio.sleep(0.01)


async def page_answers(server: Server, path: str) -> int:
    def ask() -> int:
        try:
            with urllib.request.urlopen(server.url + path, timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    return await asyncio.to_thread(ask)


def said(server: Server) -> list[str]:
    return [text for (text,) in server.rows("SELECT text FROM sessions_app_entry WHERE role = 'user' ORDER BY seq")]


async def test_on_a_slow_disk_each_message_waits_for_its_flush_and_many_share_one(server: Server, disk: Disk) -> None:
    async with GatewayClient(server.port, server.token()) as client:
        disk.slow(FLUSH_SECONDS)
        before = disk.flushes()
        first = await client.start("chat.send", **message(client, "alone"))
        await until(lambda: disk.flushes() > before or first.done())
        await first
        assert disk.flushes() > before
        before = disk.flushes()
        answers = await asyncio.gather(*(client.say(f"together {n}") for n in range(40)))
        assert disk.flushes() - before < len(answers)
        assert sorted(answer["entrySeq"] for answer in answers) == list(range(2, 42))
        assert await page_answers(server, "/livez") == 200
        assert await page_answers(server, "/readyz") == 200
    disk.well()
    assert server.stop() == 0
    assert set(said(server)) == {"alone", *(f"together {n}" for n in range(40))}


async def test_while_the_disk_is_stuck_nothing_is_acknowledged_and_everybody_can_read(
    server: Server, disk: Disk
) -> None:
    async with (
        GatewayClient(server.port, server.token()) as client,
        GatewayClient(server.port, server.token()) as reader,
    ):
        await client.say("before")
        await reader.call("events.sync", sessionKey=reader.key)
        disk.stuck()
        begun = disk.waiting()
        stuck = await client.start("chat.send", **message(client, "stuck"))
        await until(lambda: disk.waiting() > begun)
        page = await reader.call("chat.history", sessionKey=reader.key)
        assert [entry["text"] for entry in page["entries"] if entry["role"] == "user"] == ["before"]
        assert await page_answers(server, "/livez") == 200
        assert not stuck.done()
        assert not [frame for frame in reader.seen if frame["event"] == "entry.added"]
        disk.well()
        assert (await asyncio.wait_for(stuck, 60))["entrySeq"] == page["lastSeq"] + 1
        await reader.until("entry.added")
        assert (await client.say("after"))["status"] == "accepted"
    assert server.stop() == 0
    assert said(server) == ["before", "stuck", "after"]


async def test_a_disk_that_answers_with_errors_gets_nothing_acknowledged_until_it_works_again(
    server: Server, disk: Disk
) -> None:
    async with GatewayClient(server.port, server.token()) as client:
        await client.say("before")
        disk.broken()
        for number in range(3):
            with pytest.raises(GatewayError) as refused:
                await client.say(f"broken {number}")
            assert (refused.value.code, refused.value.error["retryable"]) == ("storage_unavailable", True)
        preview = await client.call("sessions.reset.preview", sessionKey=client.key)
        with pytest.raises(GatewayError, match="storage_unavailable"):
            await client.call(
                "sessions.reset",
                sessionKey=client.key,
                sessionId=client.session,
                confirmation=preview["token"],
                requestId="reset-on-a-broken-disk",
            )
        disk.well()
        assert (await client.say("after"))["status"] == "accepted"
        assert (await client.call("sessions.get", sessionKey=client.key))["sessionId"] == client.session
    server.kill()
    assert said(server) == ["before", "after"]
    server.start()
    assert json.loads(server.manage("audit", "verify", "--json").stdout)["ok"]
    assert server.manage("doctor").returncode == 0
    assert server.stop() == 0


@pytest.mark.parametrize("signals", [1, 2])
async def test_a_stop_ends_although_the_disk_is_stuck_and_loses_no_acknowledged_message(
    server: Server, disk: Disk, signals: int
) -> None:
    async with GatewayClient(server.port, server.token()) as client:
        await client.say("before")
        disk.stuck()
        begun = disk.waiting()
        stuck = await client.start("chat.send", **message(client, "stuck"))
        await until(lambda: disk.waiting() > begun)
        server.terminate()
        await client.until("shutdown")
        if signals == 2:
            server.terminate()
        assert await asyncio.to_thread(server.wait) == (1 if signals == 1 else 0)
        await asyncio.gather(stuck, return_exceptions=True)
        assert isinstance(stuck.exception(), ConnectionError)
        assert client.socket.close_code == (1012 if signals == 1 else 1006)
    disk.well()
    server.start()
    assert said(server)[0] == "before"
    assert server.stop() == 0


def message(client: GatewayClient, words: str) -> dict[str, str]:
    return {"sessionKey": client.key, "sessionId": client.session, "message": words, "idempotencyKey": words}
