"""SIGKILL: what was seen is kept, what was acknowledged is stored, and a repeat of what was not is safe."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.client import GatewayClient, GatewayError

pytestmark = [pytest.mark.asyncio, pytest.mark.e2e]


async def until_saved(server):
    """Until the text so far is on disk: what the runner does about once a second."""
    async with asyncio.timeout(60):
        while server.rows("SELECT COUNT(*) FROM sessions_app_run WHERE partial <> ''") == [(0,)]:  # noqa: ASYNC110 - rows send no events
            await asyncio.sleep(0.05)


async def test_a_killed_server_keeps_the_answer_so_far_and_closes_its_span_once(server, token):
    async with GatewayClient(server.port, token) as client:
        sent = await client.say("behave:stream:400:0.02")
        await until_saved(server)
        cursor = client.seen[-1]["payload"].get("eventSeq", 2)
        server.kill()
    partial = server.rows("SELECT partial FROM sessions_app_run")[0][0]
    assert partial.startswith("word1 ")
    server.start()
    async with GatewayClient(server.port, token) as client:
        history = await client.call("chat.history", sessionKey=client.key)
        entry = history["entries"][-1]
        assert (entry["text"], entry["data"]["state"], entry["runId"]) == (partial, "interrupted", sent["runId"])
        sync = await client.call("events.sync", sessionKey=client.key, afterEvent=min(cursor, 2))
        ends = [e["payload"] for e in sync["events"] if e["type"] == "chat"]
        assert [(end["state"], end["text"]) for end in ends] == [("interrupted", partial)]
        again = await client.call(
            "chat.retry", sessionKey=client.key, sessionId=client.session, runId=sent["runId"], requestId="r"
        )
        assert again["entrySeq"] == sent["entrySeq"]
        await client.call("chat.abort", sessionKey=client.key, runId=again["runId"])
    assert server.rows("SELECT close_reason FROM sessions_app_span WHERE closed_at IS NOT NULL") == [("crash",)]
    server.kill()
    server.start()
    crashes = server.rows("SELECT COUNT(*) FROM sessions_app_span WHERE close_reason = 'crash'")
    assert crashes[0][0] <= 2  # one for each stretch that was open
    assert server.rows("SELECT COUNT(*) FROM sessions_app_entry WHERE role = 'assistant'")[0][0] >= 1
    assert server.stop() == 0


async def test_what_was_sent_into_a_crash_is_stored_once_after_the_retry(server, token):
    messages = [f"message {n} behave:stream:2:0.01" for n in range(60)]
    acked = {}

    async def send(client, n):
        with contextlib.suppress(ConnectionError, ConnectionClosed, TimeoutError):
            acked[n] = (await client.say(messages[n], idempotencyKey=f"key-{n}"))["runId"]

    async with GatewayClient(server.port, token) as client:
        sending = [asyncio.create_task(send(client, n)) for n in range(60)]
        async with asyncio.timeout(60):
            while len(acked) < 3:  # noqa: ASYNC110
                await asyncio.sleep(0)
        server.kill()
        await asyncio.gather(*sending)
    known = {run.replace("-", "") for run in acked.values()}
    assert known <= {run for (run,) in server.rows("SELECT id FROM sessions_app_run")}
    server.start()
    async with GatewayClient(server.port, token) as client:
        for n in range(60):
            sent = await client.say(messages[n], idempotencyKey=f"key-{n}")
            if n in acked:
                assert (sent["duplicate"], sent["runId"]) == (True, acked[n])
    texts = [text for (text,) in server.rows("SELECT text FROM sessions_app_entry WHERE role = 'user'")]
    assert sorted(texts) == sorted(messages)


async def test_messages_that_waited_are_answered_after_the_restart(server, token):
    async with GatewayClient(server.port, token) as client:
        await client.say("behave:stream:400:0.05")
        waiting = [await client.say(f"later {n}") for n in range(3)]
        server.kill()
    server.start()
    async with GatewayClient(server.port, token) as client:
        await client.call("events.sync", sessionKey=client.key, afterEvent=0)
        async with asyncio.timeout(60):
            while server.rows("SELECT COUNT(*) FROM sessions_app_run WHERE state = 'done'") != [(3,)]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        history = await client.call("chat.history", sessionKey=client.key)
    answered = [e["runId"] for e in history["entries"] if e["role"] == "assistant" and e["data"]["state"] == "final"]
    assert answered == [sent["runId"] for sent in waiting]


async def test_after_a_crash_the_audit_chain_is_whole(server, token):
    async with GatewayClient(server.port, token) as client:
        for n in range(5):
            preview = await client.call("sessions.reset.preview", sessionKey=client.key)
            there = {"sessionKey": client.key, "sessionId": preview["sessionId"], "confirmation": preview["token"]}
            unanswered = await client.start("sessions.reset", **there, requestId=f"reset {n}")
            unanswered.add_done_callback(lambda future: future.exception())
            if n < 4:
                with contextlib.suppress(GatewayError):
                    await client.call("sessions.reset", **there, requestId=f"reset {n}")
        server.kill()
    server.start()
    async with GatewayClient(server.port, token) as client:
        assert (await client.call("audit.verify"))["ok"]
        archives = await client.call("archives.list", sessionKey=client.key)
    moves = server.rows("SELECT COUNT(*) FROM sessions_app_auditevent WHERE type = 'session.reset' AND outcome = 'ok'")
    assert moves == [(len(archives["archives"]),)]
