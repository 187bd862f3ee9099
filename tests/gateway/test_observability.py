"""What the gateway tells those who watch it: lines that name the call, numbers, and its own state."""

from __future__ import annotations

import io
import json
import logging

import pytest
from channels.db import database_sync_to_async
from django.db import connection

from sessions_app.gateway.methods import METHODS
from sessions_app.logs import LineFormatter
from sessions_app.runtime.metrics import REGISTRY
from tests.support.world import request_id

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def lines():
    """What is logged by the gateway from INFO on."""
    stream, logger = io.StringIO(), logging.getLogger("sessions_app.gateway")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("json"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


async def test_status_over_a_socket(program, process):
    status = await program.call("gateway.status")
    assert (status["sockets"], status["ready"], status["reasons"]) == (1, True, [])
    assert (status["instanceId"], status["engine"]) == (str(process.instance_id), connection.vendor)
    process.is_draining = True
    assert (await program.call("gateway.status"))["reasons"] == ["draining"]


async def test_a_mistake_names_socket_frame_method_actor_and_the_id_that_is_told(program, lines, monkeypatch):
    def broken(*_args):
        raise ZeroDivisionError

    monkeypatch.setitem(
        METHODS,
        "sessions.list",
        METHODS["sessions.list"].__class__("sessions.list", METHODS["sessions.list"].params, "", read=broken),
    )
    error = await program.error("sessions.list")
    (line,) = [line for line in lines() if "error_id" in line]
    assert line["error_id"] == error["details"]["errorId"]
    assert line["error_id"] in error["message"]
    assert (line["method"], line["actor"][:6], line["frame"][0]) == ("sessions.list", "token:", "r")
    assert len(line["socket"]) == 8
    assert "ZeroDivisionError" in line["exception"]


async def test_a_success_writes_no_line_and_a_refusal_one_without_text(program, world, lines):
    await program.call("sessions.list")
    assert [line for line in lines() if line.get("method") == "sessions.list"] == []
    current = str(await database_sync_to_async(lambda: world.current)())
    told = {"sessionKey": world.key, "sessionId": current, "idempotencyKey": request_id()}
    await program.call("chat.send", {**told, "message": "the harbour at night"})
    await program.error("chat.send", {**told, "message": "/new the harbour", "idempotencyKey": request_id()})
    refusals = [line for line in lines() if line.get("method") == "chat.send"]
    assert [line["event"] for line in refusals] == ["refused chat.send: session_control_required"]
    assert "harbour" not in json.dumps(lines())


async def numbers(*names):
    """Samples by name; with labels as (name, labels). Read in a thread: some ask the database."""

    def read():
        wanted = [(name, {}) if isinstance(name, str) else name for name in names]
        return [REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in wanted]

    return await database_sync_to_async(read)()


async def test_acks_moves_and_refusals_are_counted_once(program, world):
    watched = (
        ("holdfast_acks_total", {"verb": "session_reset"}),
        ("holdfast_resets_total", {"trigger": "rpc"}),
        ("holdfast_refused_calls_total", {"code": "confirmation_required"}),
        ("holdfast_refused_calls_total", {"code": "invalid_frame"}),
    )
    before = await numbers(*watched)
    current = str(await database_sync_to_async(lambda: world.current)())
    wanted = {"sessionKey": world.key, "sessionId": current, "requestId": request_id()}
    error = await program.error("sessions.reset", wanted)
    assert error["code"] == "confirmation_required"
    await program.send("no frame")
    await program.answer(None)
    preview = await program.call("sessions.reset.preview", {"sessionKey": world.key})
    wanted = {**wanted, "confirmation": preview["token"], "requestId": request_id()}
    first = await program.call("sessions.reset", wanted)
    assert await program.call("sessions.reset", wanted) == first, "the repeat moves nothing and is an ack"
    assert [after - then for after, then in zip(await numbers(*watched), before, strict=True)] == [2, 1, 1, 1]


async def test_the_writer_and_the_hub_say_how_late_they_are(program, world, agent):
    watched = ("holdfast_writer_lag_seconds_count", "holdfast_hub_lag_seconds_count")
    before = await numbers(*watched)
    current = str(await database_sync_to_async(lambda: world.current)())
    told = {"sessionKey": world.key, "sessionId": current, "message": "hi", "idempotencyKey": request_id()}
    agent.answers("hello")
    await program.call("chat.send", told)
    await program.until(lambda events: any(event["payload"].get("state") == "final" for event in events))
    assert all(after > then for after, then in zip(await numbers(*watched), before, strict=True))
    sockets, batches, draining = await numbers("holdfast_sockets", "holdfast_writer_batches_total", "holdfast_draining")
    assert (sockets, draining) == (1, 0)
    assert batches > 0
