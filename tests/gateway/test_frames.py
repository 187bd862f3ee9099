"""Whatever comes in on a socket gets a typed answer, and the socket stays open."""

from __future__ import annotations

import json

import pytest

from sessions_app.gateway.methods import METHODS
from tests.gateway.test_protocol import BAD_FRAMES

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]
ERROR = {"code": str, "message": str, "retryable": bool, "details": dict}


def is_error(answer, code):
    assert set(answer) == {"type", "id", "ok", "error"}
    assert (answer["type"], answer["ok"]) == ("res", False)
    assert {name: type(value) for name, value in answer["error"].items()} == ERROR
    assert answer["error"]["code"] == code
    return True


async def test_every_bad_frame_is_answered_and_the_socket_lives_on(program):
    for name, (text, frame_id) in BAD_FRAMES.items():
        if len(text) < 1_000_000:
            await program.send(text)
            assert is_error(await program.answer(frame_id), "invalid_frame"), name
    assert await program.call("sessions.list")


async def test_a_frame_that_is_not_text_is_answered(program):
    await program.wire.send_to(bytes_data=b"\x00\xff")
    assert is_error(await program.answer(None), "invalid_frame")
    assert await program.call("sessions.list")


@pytest.mark.parametrize("letter", ["x", "é", "🙂"])
async def test_a_frame_that_is_too_large_is_answered_by_bytes_not_letters(program, settings, letter):
    settings.MAX_FRAME_BYTES = 4096
    await program.send({"type": "req", "id": "1", "method": "sessions.list", "params": {"query": letter * 5000}})
    await program.send(json.dumps({"a": letter * 2000}, ensure_ascii=False) + " " * 3000)
    first, second = await program.answer(None), await program.answer(None)
    assert is_error(first, "too_large")
    assert first["error"]["details"] == {"maxBytes": 4096}
    assert is_error(second, "too_large")
    assert await program.call("sessions.list")


async def test_an_unknown_method_is_named(program):
    for method in ("chat.delete", "", "__init__", "connect.again", "x" * 5000):
        error = await program.error(method)
        assert error["code"] == "unknown_method"
        assert len(error["message"]) < 200


async def test_broken_characters_in_a_string_are_text_invalid(program):
    error = await program.error("sessions.list", {"query": "half \ud800"})
    assert error["code"] == "text_invalid"


async def test_broken_characters_in_an_id_or_a_method_come_back(program):
    await program.send('{"type":"req","id":"\\ud800","method":"\\udfff"}')
    assert is_error(await program.answer("\ud800"), "unknown_method")


@pytest.mark.parametrize("name", sorted(METHODS))
async def test_an_unknown_field_and_a_wrong_type_are_named_for_every_method(program, name):
    error = await program.error(name, {"surprise": 1})
    assert error["code"] == "invalid_params"
    assert "surprise" in {problem["field"] for problem in error["details"]["problems"]}
    fields = METHODS[name].params.model_fields.values()
    for alias in [field.alias for field in fields]:
        error = await program.error(name, {alias: {"no": ["such", "type"]}})
        assert error["code"] == "invalid_params"
        assert alias in {problem["field"].split(".")[0] for problem in error["details"]["problems"]}


async def test_numbers_beyond_all_bounds_are_invalid_params(program):
    for limit in (0, -1, 201, 10**30, 1.5, True, "5"):
        assert (await program.error("sessions.list", {"limit": limit}))["code"] == "invalid_params"
    params = {"sessionKey": "agent:main:ana", "afterEvent": 2**63}
    assert (await program.error("events.sync", params))["code"] == "invalid_params"


async def test_only_the_first_of_two_equal_ids_matters_to_nobody(program):
    for _ in range(2):
        await program.send({"type": "req", "id": "same", "method": "sessions.list", "params": {}})
    assert (await program.answer("same"))["ok"]
    assert (await program.answer("same"))["ok"]
