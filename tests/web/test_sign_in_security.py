"""Guessing passwords, stealing login sessions, forging forms, and what the browser is told to refuse."""

from __future__ import annotations

import datetime
import logging
from typing import Any

import pytest
import time_machine
from django.test import Client, override_settings
from django.utils import timezone

from sessions_app.models import AuditEvent, User
from sessions_app.services.people import sign_in_link_create
from tests.support.world import World

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse"
LIMIT = 5


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("axes").setLevel(logging.ERROR)


def sign_in(password: str = PASSWORD, name: str = "ana", browser: Client | None = None, **extra: Any) -> Any:
    return (browser or Client()).post("/signin/", {"username": name, "password": password}, **extra)


def lock(name: str = "ana") -> None:
    for _ in range(LIMIT):
        sign_in("wrong", name)


class TestLockout:
    def test_after_five_wrong_passwords_the_right_one_has_to_wait_and_the_page_says_how_long(
        self, world: World
    ) -> None:
        for _ in range(LIMIT - 1):
            assert sign_in("wrong").status_code == 200
        assert sign_in("wrong").status_code == 429
        answer = sign_in()
        assert answer.status_code == 429
        assert "Try again in 15 minutes, at " in answer.content.decode()
        assert 0 < int(answer["Retry-After"]) <= 15 * 60

    def test_fewer_do_not_lock_and_a_success_forgets_them(self, world: World) -> None:
        for _ in range(2):
            for _ in range(LIMIT - 1):
                sign_in("wrong")
            assert sign_in().status_code == 302

    def test_it_ends_by_itself_and_trying_on_does_not_prolong_it(self, world: World) -> None:
        lock()
        with time_machine.travel(timezone.now() + datetime.timedelta(minutes=14), tick=False):
            assert sign_in().status_code == 429
            assert "Try again in 1 minute, " in sign_in().content.decode()
        with time_machine.travel(timezone.now() + datetime.timedelta(minutes=15, seconds=5), tick=False):
            assert sign_in().status_code == 302

    def test_a_stranger_elsewhere_locks_nobody_out(self, world: World) -> None:
        lock()
        assert sign_in(REMOTE_ADDR="192.0.2.7").status_code == 302

    def test_other_names_are_not_locked(self, world: World) -> None:
        lock()
        assert sign_in(name="bob").status_code == 302

    def test_a_name_that_does_not_exist_locks_the_same(self, world: World) -> None:
        lock("nobody")
        assert sign_in(name="nobody").status_code == 429

    def test_it_is_in_the_audit_log_once(self, world: World) -> None:
        lock()
        sign_in("wrong")
        sign_in()
        rows = AuditEvent.objects.filter(type="user.locked_out")
        assert [row.data for row in rows] == [{"username": "ana", "address": "127.0.0.1", "failures": LIMIT}]

    def test_a_link_works_meanwhile(self, world: World) -> None:
        lock()
        made = world.do(sign_in_link_create, world.admin, username="ana")
        browser = Client()
        assert browser.get(f"/signin/link/{made['token']}")["Location"] == "/"
        assert browser.get("/sessions/").status_code == 200

    def test_the_door_of_the_admin_pages_is_the_same_door(self, world: World) -> None:
        lock()
        answer = Client().post("/admin/login/", {"username": "ana", "password": PASSWORD})
        assert answer.status_code == 429


class TestLoginSession:
    def test_the_key_changes_at_sign_in_so_that_a_planted_one_is_worthless(self, world: World) -> None:
        browser = Client()
        browser.get("/signin/")
        session = browser.session
        session["planted"] = "yes"
        session.save()
        planted = session.session_key or ""
        browser.cookies["holdfast_session"] = planted
        assert sign_in(browser=browser).status_code == 302
        assert browser.session.session_key != planted
        thief = Client()
        thief.cookies["holdfast_session"] = planted
        assert thief.get("/sessions/").status_code == 302

    def test_a_disabled_account_is_out_at_once(self, world: World) -> None:
        browser = Client()
        sign_in(browser=browser)
        assert browser.get("/sessions/").status_code == 200
        User.objects.filter(username="ana").update(is_active=False)
        assert browser.get("/sessions/").status_code == 302
        assert sign_in().status_code == 200, "the form again, with the same words as for a wrong password"

    @override_settings(SESSION_COOKIE_SECURE=True, CSRF_COOKIE_SECURE=True)
    def test_cookies_are_for_our_pages_and_the_network_only_under_https(self, world: World) -> None:
        browser = Client()
        browser.get("/signin/")
        sign_in(browser=browser)
        session, csrf = browser.cookies["holdfast_session"], browser.cookies["holdfast_csrf"]
        assert (session["httponly"], session["samesite"], session["secure"]) == (True, "Lax", True)
        assert (csrf["samesite"], csrf["secure"]) == ("Lax", True)


class TestForms:
    @pytest.mark.parametrize(
        "path", ["/signin/", "/signout/", "/theme/", "/password/", "/conversations/new/", "/chat/agent:main:ana/reset/"]
    )
    def test_a_form_without_its_token_changes_nothing(self, world: World, path: str) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(User.objects.get(username="ana"))
        before = world.current
        answer = browser.post(path, {"request_id": "r", "theme": "dark"})
        assert answer.status_code == 403
        assert world.current == before
        assert User.objects.get(username="ana").theme == "system"

    def test_rpc_with_a_cookie_needs_the_token_too(self, world: World) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(User.objects.get(username="ana"))
        answer = browser.post("/rpc/gateway.status", "{}", content_type="application/json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "path", ["/signin/", "/sessions/", "/chat/agent:main:ana/", "/nowhere/", "/livez", "/rpc/nothing"]
)
def test_every_answer_tells_the_browser_what_to_refuse(world: World, path: str) -> None:
    browser = Client()
    browser.force_login(User.objects.get(username="ana"))
    answer = browser.get(path)
    policy = answer["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert {"default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= {
        part.strip() for part in policy.split(";")
    }
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert len(answer["X-Request-ID"]) == 16
