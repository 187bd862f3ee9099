"""The same methods over HTTP: a bearer token, or the page's cookie with its CSRF token."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.test import Client

from sessions_app.models import AuditEvent, User
from sessions_app.services.tokens import token_create, token_revoke
from sessions_app.values import AuditType
from tests.gateway.calls import Place
from tests.gateway.conftest import make_token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser(world):
    """Ana, signed in, as Django sees a browser: CSRF is checked."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="ana"))
    return client


def call(client, method, params, **headers):
    body = params if isinstance(params, (str, bytes)) else json.dumps(params)
    answer = client.post(f"/rpc/{method}", body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def code(answered):
    return answered[0], answered[1]["error"]["code"]


def csrf(browser):
    """The token a page of ours holds."""
    browser.get("/")
    secret = "a" * 32
    browser.cookies[settings.CSRF_COOKIE_NAME] = secret
    return secret


def test_a_token_needs_neither_cookie_nor_csrf(world, token):
    client = Client(enforce_csrf_checks=True)
    status, answer = call(client, "sessions.list", {}, authorization=f"Bearer {token}")
    assert (status, [row["sessionKey"] for row in answer["payload"]["sessions"]]) == (200, [world.key])


def test_a_cookie_needs_its_csrf_token(world, browser):
    assert code(call(browser, "sessions.list", {})) == (403, "forbidden")
    assert code(call(browser, "sessions.list", {}, x_csrftoken="b" * 32)) == (403, "forbidden")
    secret = csrf(browser)
    assert call(browser, "sessions.list", {}, x_csrftoken=secret)[0] == 200
    assert code(call(browser, "sessions.list", {}, x_csrftoken="b" * 32)) == (403, "forbidden")


def test_nobody_gets_nothing(world):
    assert code(call(Client(), "sessions.list", {})) == (401, "unauthenticated")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer hf_nonsense", "bearer \u00e9", "Bearer " + "x" * 5000])
def test_a_bad_token_is_unauthenticated_even_in_a_signed_in_browser(world, browser, header):
    assert code(call(browser, "sessions.list", {}, authorization=header)) == (401, "unauthenticated")


def test_a_revoked_token_is_worthless_at_once(world):
    made = world.do(token_create, username="ana", name="p", scopes=["read"])
    header = {"authorization": f"Bearer {made['token']}"}
    assert call(Client(), "sessions.list", {}, **header)[0] == 200
    world.do(token_revoke, token_id=made["tokenId"])
    assert code(call(Client(), "sessions.list", {}, **header)) == (401, "unauthenticated")


@pytest.mark.parametrize("body", ["[]", "{", "null", '"x"', b"\xff\xfe", "[" * 50_000, '{"limit": NaN}'])
def test_a_bad_body_is_an_invalid_frame(world, token, body):
    assert code(call(Client(), "sessions.list", body, authorization=f"Bearer {token}")) == (400, "invalid_frame")


def test_an_empty_body_has_no_params(world, token):
    assert call(Client(), "sessions.list", "", authorization=f"Bearer {token}")[0] == 200


def test_a_body_beyond_the_bound_is_refused(world, token, settings):
    settings.MAX_FRAME_BYTES = 1000
    big = {"query": "x" * 2000}
    assert code(call(Client(), "sessions.list", big, authorization=f"Bearer {token}")) == (413, "too_large")


@pytest.mark.parametrize("method", ["connect", "chat.delete", "sessions.list.", "__class__"])
def test_a_method_that_is_none_here_is_not_found(world, token, method):
    assert code(call(Client(), method, {}, authorization=f"Bearer {token}")) == (404, "unknown_method")


def test_only_post_is_taken(world, token):
    assert Client().get("/rpc/sessions.list", headers={"authorization": f"Bearer {token}"}).status_code == 405


@pytest.mark.parametrize(("way", "trigger"), [("token", "rpc"), ("cookie", "ui-button"), ("typed", "slash-command")])
def test_the_trigger_is_set_by_the_way_in(world, browser, way, trigger):
    place = Place(world)
    if way == "token":
        header = {"authorization": f"Bearer {place.called_with(make_token(world, 'read', 'write'))}"}
    else:
        header = {"x_csrftoken": csrf(browser)}
    params = {**place.params("sessions.reset"), "commandText": "" if way == "cookie" else "/new"}
    status, answer = call(browser if way != "token" else Client(), "sessions.reset", params, **header)
    assert status == 200, answer
    row = AuditEvent.objects.filter(type=AuditType.SESSION_RESET).order_by("-seq").first()
    assert (row.trigger, row.data.get("commandText", "")) == (trigger, "/new" if way == "typed" else "")


def test_a_confirmation_that_is_missing_answers_428_with_the_preview_and_changes_nothing(world, token):
    place = Place(world)
    params = {**place.params("sessions.reset"), "confirmation": ""}
    before = world.current
    status, answer = call(Client(), "sessions.reset", params, authorization=f"Bearer {token}")
    assert (status, answer["error"]["code"]) == (428, "confirmation_required")
    assert answer["error"]["details"]["preview"]["token"]
    assert world.current == before
