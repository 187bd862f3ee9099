"""For those who watch: alive, ready, numbers; and which server answers."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from sessions_app.models import User
from sessions_app.runtime import process as processes
from sessions_app.services.tokens import token_create
from tests.support.world import World

pytestmark = pytest.mark.django_db


def test_a_process_that_answers_is_alive_and_asks_nothing(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"live": True})
    assert "no-cache" in answer["Cache-Control"]


def test_where_no_server_runs_nothing_is_ready() -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ready": False, "reasons": ["starting"]})


@override_settings(SECURE_SSL_REDIRECT=True)
def test_they_answer_inside_the_house_without_https() -> None:
    assert Client().get("/livez").status_code == 200
    assert Client().get("/readyz").status_code == 503
    assert Client().get("/signin/").status_code == 301


def bearer(world: World, *scopes: str, username: str = "admin") -> Client:
    made = world.do(token_create, world.admin, username=username, name="scraper", scopes=list(scopes))
    return Client(headers={"Authorization": f"Bearer {made['token']}"})


class TestMetrics:
    def test_numbers_are_for_who_may_manage(self, world: World) -> None:
        answer = bearer(world, "read", "admin").get("/metrics")
        assert answer["Content-Type"].startswith("text/plain")
        assert 'holdfast_runs{state="queued"} 0.0' in answer.content.decode()

    def test_a_token_without_the_scope_or_without_the_permission_is_refused(self, world: World) -> None:
        assert bearer(world, "read", "write").get("/metrics").status_code == 403
        assert bearer(world, "read", "admin", username="ana").get("/metrics").status_code == 403

    def test_nobody_is_asked_who_they_are_and_led_to_no_form(self, world: World) -> None:
        for browser in (Client(), Client(headers={"Authorization": "Bearer guess"})):
            answer = browser.get("/metrics")
            assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")

    def test_labels_name_no_session_and_no_person(self, world: World) -> None:
        world.talk()
        world.reset()
        text = bearer(world, "admin").get("/metrics").content.decode()
        assert str(world.current) not in text
        assert world.key not in text
        assert "ana" not in text

    def test_refused_pages_are_counted_by_code(self, world: World) -> None:
        browser = Client()
        browser.force_login(User.objects.get(username="bob"))
        scraper = bearer(world, "admin")
        before = number(scraper, 'holdfast_refused_calls_total{code="forbidden"}')
        assert browser.get(f"/chat/{world.key}/").status_code == 403
        assert number(scraper, 'holdfast_refused_calls_total{code="forbidden"}') == before + 1


def number(browser: Client, name: str) -> float:
    lines = browser.get("/metrics").content.decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)


def test_a_page_says_which_version_and_which_server_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Here:
        instance_id = "cc289091-4b4e-45a4-a07c-555b49aa254c"

    browser = Client()
    browser.force_login(User.objects.get(username="ana"))
    assert "Holdfast 0.1.0" in browser.get("/sessions/").content.decode()
    monkeypatch.setattr(processes, "_current", Here())
    assert "cc289091" in browser.get("/sessions/").content.decode()


def test_every_answer_carries_a_request_id_and_only_a_proxy_may_choose_it() -> None:
    given = {"X-Request-ID": "chosen-1"}
    assert Client().get("/livez", headers=given)["X-Request-ID"] != "chosen-1"
    with override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
        assert Client().get("/livez", headers=given)["X-Request-ID"] == "chosen-1"
        assert Client().get("/livez", headers={"X-Request-ID": "a b\n"})["X-Request-ID"] != "a b\n"


def test_an_error_page_and_the_log_have_the_same_id(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("sessions_app.web.sessions.conversation_list", broken)
    browser = Client(raise_request_exception=False)
    browser.force_login(User.objects.get(username="ana"))
    answer = browser.get("/sessions/")
    assert answer.status_code == 500
    (record,) = [record for record in caplog.records if hasattr(record, "error_id")]
    assert record.error_id in answer.content.decode()
    assert "ZeroDivisionError" in caplog.text
