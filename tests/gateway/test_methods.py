"""Every method, over the socket and over HTTP: one shape of success, one shape of error, and a trigger nobody can fake."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio
from channels.db import database_sync_to_async
from django.test import Client

from sessions_app.gateway.errors import HTTP_STATUS
from sessions_app.gateway.methods import METHODS
from sessions_app.models import AuditEvent, Conversation, Entry, Event
from sessions_app.services.perform import facts
from sessions_app.values import AuditType
from tests.gateway.calls import FIELDS, PAYLOADS, Place
from tests.gateway.conftest import cookie_of, make_token

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = sorted(METHODS)
ERROR = {"code": str, "message": str, "retryable": bool, "details": dict}


@pytest.fixture
def place(world):
    return Place(world)


@pytest_asyncio.fixture
async def admin(open_socket, world, place):
    """A program that may do everything."""
    socket = await open_socket()

    def token():
        return place.called_with(make_token(world, "read", "write", "admin", username="admin"))

    await socket.hello(await database_sync_to_async(token)())
    return socket


def post(method, params, **headers):
    answer = Client().post(f"/rpc/{method}", json.dumps(params), content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def test_the_tables_name_every_method():
    assert set(FIELDS) == set(PAYLOADS) == set(METHODS)


def test_a_method_is_a_read_or_a_verb_and_a_verb_can_be_repeated():
    for method in METHODS.values():
        assert [method.read is not None, method.verb is not None, method.compacts].count(True) == 1, method.name
        if method.verb is not None:
            assert facts(method.verb).name
        if method.read is None:
            assert method.request_id in method.params.model_fields, method.name


@pytest.mark.asyncio
@pytest.mark.parametrize("name", NAMES)
async def test_a_success_is_one_shape_over_the_socket(place, admin, name):
    params = await database_sync_to_async(place.params)(name)
    number = await admin.start(name, params)
    answer = await admin.answer(number)
    assert set(answer) == {"type", "id", "ok", "payload"}, answer
    assert (answer["type"], answer["id"], answer["ok"]) == ("res", number, True)
    assert set(answer["payload"]) >= PAYLOADS[name]


@pytest.mark.asyncio
@pytest.mark.parametrize("name", NAMES)
async def test_an_error_is_one_shape_over_the_socket(place, admin, name):
    params = await database_sync_to_async(place.refused)(name)
    if "sessionKey" not in FIELDS[name]:
        params["surprise"] = 1
    number = await admin.start(name, params)
    answer = await admin.answer(number)
    if answer["ok"]:
        assert name == "archives.list"  # a filter that matches nothing is an empty list
        return
    assert set(answer) == {"type", "id", "ok", "error"}
    assert {key: type(value) for key, value in answer["error"].items()} == ERROR
    assert answer["error"]["code"] == ("not_found" if "sessionKey" in FIELDS[name] else "invalid_params")


@pytest.mark.parametrize("name", NAMES)
def test_success_and_error_are_the_same_shapes_over_http(world, place, name):
    token = place.called_with(make_token(world, "read", "write", "admin", username="admin"))
    status, answer = post(name, place.params(name), authorization=f"Bearer {token}")
    assert (status, set(answer), answer["ok"]) == (200, {"ok", "payload"}, True), answer
    assert set(answer["payload"]) >= PAYLOADS[name]
    status, answer = post(name, {**place.params(name), "surprise": 1}, authorization=f"Bearer {token}")
    assert (set(answer), answer["ok"]) == ({"ok", "error"}, False)
    assert {key: type(value) for key, value in answer["error"].items()} == ERROR
    assert status == HTTP_STATUS[answer["error"]["code"]] == 400


@pytest.mark.parametrize("name", NAMES)
def test_a_stranger_gets_nothing_and_moves_nothing(world, place, name):
    before = (Entry.objects.count(), Event.objects.count(), world.current)
    status, answer = post(
        name, place.params(name), authorization=f"Bearer {make_token(world, 'read', 'write', username='bob')}"
    )
    if answer["ok"]:
        quiet = {"archives.list", "access.list", "gateway.status", "search.where"}
        assert name in {"sessions.list", "sessions.create", *quiet}
        assert world.key not in json.dumps(answer)
    else:
        assert (status, answer["error"]["code"]) in {(403, "forbidden"), (404, "not_found")}
        assert (Entry.objects.count(), Event.objects.count(), world.current) == before


# sessions.open changes nothing but what the audit log says: who may only read gives account of it too
@pytest.mark.parametrize("name", [name for name in NAMES if METHODS[name].verb and name != "sessions.open"])
def test_a_token_that_may_only_read_writes_nothing(world, place, name):
    params = place.params(name)
    before = (Entry.objects.count(), Event.objects.count(), Conversation.objects.count())
    status, answer = post(name, params, authorization=f"Bearer {make_token(world, 'read')}")
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert (Entry.objects.count(), Event.objects.count(), Conversation.objects.count()) == before


@pytest.mark.parametrize("name", [name for name in NAMES if METHODS[name].verb and name != "chat.abort"])
def test_a_repeat_gets_the_first_answer_again(world, place, name):
    token = place.called_with(make_token(world, "read", "write", "admin", username="admin"))
    params = place.params(name)
    first = post(name, params, authorization=f"Bearer {token}")[1]["payload"]
    counts = (Entry.objects.count(), Event.objects.count(), AuditEvent.objects.count())
    again = post(name, params, authorization=f"Bearer {token}")[1]["payload"]
    assert {**again, "duplicate": 0} == {**first, "duplicate": 0}
    assert counts == (Entry.objects.count(), Event.objects.count(), AuditEvent.objects.count())


def last_reset():
    return AuditEvent.objects.filter(type=AuditType.SESSION_RESET).order_by("-seq").first()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("way", "command_text", "trigger"),
    [
        ("page", "", "ui-button"),
        ("page", "/new and so on", "slash-command"),
        ("program", "", "rpc"),
        ("program", "/new and so on", "rpc"),
    ],
)
async def test_the_trigger_is_set_by_the_way_in(world, place, way, command_text, trigger, open_socket):
    if way == "page":
        socket = await open_socket(**await database_sync_to_async(cookie_of)("ana"))
        await socket.hello()
    else:
        socket = await open_socket()
        token = await database_sync_to_async(make_token)(world, "read", "write")
        await socket.hello(await database_sync_to_async(place.called_with)(token))
    params = await database_sync_to_async(place.params)("sessions.reset")
    await socket.call("sessions.reset", {**params, "commandText": command_text} if command_text else params)
    row = await database_sync_to_async(last_reset)()
    assert row.trigger == trigger
    assert row.data.get("commandText", "") == (command_text if trigger == "slash-command" else "")
    faked = await socket.error("sessions.reset", {**params, "trigger": "cli"})
    assert faked["code"] == "invalid_params"
