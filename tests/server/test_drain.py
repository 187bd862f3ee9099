"""SIGTERM: every client is told to come back, what was acknowledged is stored, and the process ends with 0."""

from __future__ import annotations

import asyncio
import signal

import pytest
from websockets.exceptions import ConnectionClosed

from sessions_app.runtime.open_files import open_files_allow
from tests.support.client import GatewayClient, GatewayError

pytestmark = [pytest.mark.asyncio, pytest.mark.e2e]
CLIENTS = 8
SOCKETS_MAX_BYTES = 200 * 1024 * 1024


async def closed_with(client):
    async with asyncio.timeout(60):
        await client.socket.wait_closed()
    return client.socket.close_code


async def opened(server, token, count):
    clients = [GatewayClient(server.port, token) for _ in range(count)]
    for client in clients:
        await client.__aenter__()
        await client.call("events.sync", sessionKey=client.key)
    return clients


async def heard(client, key):
    """Wait for a word of the answer in one conversation, in whatever order they come."""
    async with asyncio.timeout(60):
        while not any(f["event"] == "chat" and f["payload"]["sessionKey"] == key for f in client.seen):
            await client.events.get()


async def left(clients):
    for client in clients:
        await client.__aexit__()


async def test_an_idle_server_says_goodbye_and_ends_in_peace(server, token):
    clients = await opened(server, token, CLIENTS)
    server.terminate()
    assert [await closed_with(client) for client in clients] == [1012] * CLIENTS
    assert all(any(frame["event"] == "shutdown" for frame in client.seen) for client in clients)
    await left(clients)
    assert server.wait() == 0
    assert "Traceback" not in "".join(server.problems)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_busy_server_keeps_every_message_it_acknowledged(server, token, number):
    clients = await opened(server, token, CLIENTS)
    acked, unanswered = [], []

    async def talk(client, who):
        for n in range(10_000):
            message = f"{who}/{n} behave:stream:3:0.01"
            try:
                sent = await client.say(message)
            except (ConnectionError, ConnectionClosed, GatewayError) as error:
                if isinstance(error, GatewayError) and error.code == "queue_full":
                    await asyncio.sleep(0.02)
                    continue
                unanswered.append(repr(error))
                return
            acked.append((message, sent["runId"]))

    talking = [asyncio.create_task(talk(client, who)) for who, client in enumerate(clients)]
    async with asyncio.timeout(60):
        while len(acked) < 40:
            assert not unanswered
            await asyncio.sleep(0.01)
    server.process.send_signal(number)
    await asyncio.wait_for(asyncio.gather(*talking), 60)
    assert [await closed_with(client) for client in clients] == [1012] * CLIENTS
    await left(clients)
    assert server.wait() == 0
    stored = dict(server.rows("SELECT text, run_id FROM sessions_app_entry WHERE role = 'user'"))
    assert {message for message, _ in acked} <= set(stored)
    assert server.rows("SELECT COUNT(*) FROM sessions_app_run WHERE state = 'running'") == [(0,)]
    assert server.rows("SELECT COUNT(*) FROM sessions_app_span WHERE closed_at IS NULL") == [(0,)]


async def test_an_answer_that_nearly_ended_may_end(server, token):
    async with GatewayClient(server.port, token) as client:
        await client.say("behave:stream:20:0.05")
        await client.until("chat", state="delta")
        server.terminate()
        final = await client.until("chat", state="final")
        assert final["payload"]["text"].split()[-1] == "word20"
        assert await closed_with(client) == 1012
    assert server.wait() == 0


async def test_while_it_drains_new_work_is_refused_as_draining(server, token):
    async with GatewayClient(server.port, token) as client:
        await client.say("behave:stream:30:0.05")
        await client.until("chat", state="delta")
        server.terminate()
        refusal = None
        async with asyncio.timeout(60):
            while refusal is None:
                try:
                    await client.say("one more")
                except GatewayError as error:
                    refusal = error.error
        assert (refusal["code"], refusal["retryable"]) == ("draining", True)
        assert await client.call("chat.history", sessionKey=client.key)
        await closed_with(client)
    assert server.wait() == 0


async def test_a_second_signal_stops_now_and_keeps_what_was_said(server, token):
    async with GatewayClient(server.port, token) as client:
        sent = await client.say("behave:stream:400:0.05")
        await client.until("chat", state="delta")
        server.terminate()
        await asyncio.sleep(0.3)
        server.terminate()
        await closed_with(client)
    server.wait()
    assert server.rows("SELECT text FROM sessions_app_entry WHERE role = 'user'") == [("behave:stream:400:0.05",)]
    server.start()
    states = server.rows("SELECT state FROM sessions_app_run")
    assert states == [("interrupted",)], sent
    assert server.stop() == 0


async def test_an_answer_longer_than_the_patience_is_interrupted_and_kept(server, token):
    server.stop()
    server.start(HOLDFAST_DRAIN_SECONDS="0.2")
    async with GatewayClient(server.port, token) as client:
        await client.say("behave:stream:400:0.02")
        await client.until("chat", state="delta")
        server.terminate()
        end = await client.until("chat", state="interrupted")
        assert end["payload"]["text"].startswith("word1 ")
        assert await closed_with(client) == 1012
    assert server.wait() == 0
    assert server.rows("SELECT close_reason FROM sessions_app_span") == [("shutdown",)]


@pytest.mark.parametrize("frozen", ["hang", "stall"])
async def test_model_servers_that_freeze_delay_the_exit_only_by_the_patience_and_what_they_said_is_kept(
    server, token, model, frozen
):
    server.stop()
    server.start(HOLDFAST_DRAIN_SECONDS="0.5")
    async with GatewayClient(server.port, token) as client:
        places = [await client.call("sessions.create", title=f"frozen {n}", requestId=f"frozen-{n}") for n in range(12)]
        sent = [await client.say(f"behave:{frozen}", **place) for place in places]
        await asyncio.to_thread(model.wait_until, lambda: len(model.requests) == len(places), timeout_seconds=20)
        if frozen == "stall":
            for place in places:
                await heard(client, place["sessionKey"])
        server.terminate()
        assert await closed_with(client) == 1012
    assert server.wait() == 0
    states = dict(server.rows("SELECT LOWER(HEX(id)), state FROM sessions_app_run"))
    assert set(states.values()) <= {"interrupted", "queued"}
    assert len(states) == len(sent)
    assert server.rows("SELECT COUNT(*) FROM sessions_app_span WHERE closed_at IS NULL") == [(0,)]
    kept = server.rows("SELECT COUNT(*) FROM sessions_app_entry WHERE role = 'assistant' AND text <> ''")
    assert kept == [(12 if frozen == "stall" else 0,)]


async def test_a_thousand_sockets_are_all_told_to_come_back(server, token):
    open_files_allow()
    before = server.memory_bytes()
    clients: list[GatewayClient] = []
    for _ in range(20):
        some = [GatewayClient(server.port, token) for _ in range(50)]
        await asyncio.gather(*(client.__aenter__() for client in some))
        clients += some
    await asyncio.gather(*(client.call("events.sync", sessionKey=client.key) for client in clients))
    assert server.memory_bytes() - before < SOCKETS_MAX_BYTES
    sent = await clients[0].say("the last words before the drain")
    server.terminate()
    codes = [await closed_with(client) for client in clients]
    assert codes == [1012] * 1000
    assert all(any(frame["event"] == "shutdown" for frame in client.seen) for client in clients)
    await left(clients)
    assert server.wait() == 0
    assert sent["status"] == "accepted"
    assert server.rows("SELECT COUNT(*) FROM sessions_app_entry WHERE role = 'user'") == [(1,)]
