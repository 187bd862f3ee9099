"""Signing in by password and by link, password, theme, signing out."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from sessions_app.models import AuditEvent, User
from sessions_app.services.people import sign_in_link_create
from tests.support.world import World

pytestmark = pytest.mark.django_db
PASSWORD = "a harbour in winter"


def link(world: World) -> str:
    """A fresh sign-in link of ana."""
    made = world.do(sign_in_link_create, world.admin, username=world.ana.label)
    return f"/signin/link/{made['token']}"


def test_a_link_signs_in_once(world: World) -> None:
    address, browser = link(world), Client()
    assert browser.get(address)["Location"] == "/"
    assert browser.get("/", follow=True).status_code == 200
    again = Client().get(address)
    assert again.status_code == 404
    assert "was used" in again.content.decode()
    assert AuditEvent.objects.filter(type="user.signed_in", outcome="ok").count() == 1


def test_a_guessed_link_signs_nobody_in(world: World) -> None:
    browser = Client()
    assert browser.get("/signin/link/guessed").status_code == 404
    assert "_auth_user_id" not in browser.session


def test_signing_in_makes_a_new_login_session(world: World) -> None:
    browser = Client()
    browser.get("/signin/")
    before = browser.session.session_key
    browser.get(link(world))
    assert browser.session.session_key != before


def test_a_password_is_set_and_signs_in(world: World) -> None:
    browser = Client()
    browser.get(link(world))
    form = {"request_id": str(uuid.uuid4()), "new_password1": PASSWORD, "new_password2": PASSWORD}
    assert browser.post("/password/", form).status_code == 303
    assert browser.get("/sessions/").status_code == 200, "the one who set it stays signed in"
    other = Client()
    answer = other.post("/signin/", {"username": world.ana.label, "password": PASSWORD, "next": "/archives/"})
    assert answer["Location"] == "/archives/"
    assert AuditEvent.objects.filter(type="user.changed").exists()


def test_a_weak_password_is_refused_in_words(world: World, ana: Client) -> None:
    form = {"request_id": str(uuid.uuid4()), "new_password1": "12345678", "new_password2": "12345678"}
    answer = ana.post("/password/", form)
    assert answer.status_code == 422
    assert "entirely numeric" in answer.content.decode()


def test_a_wrong_password_says_nothing_about_which_part_was_wrong(world: World) -> None:
    answers = [
        Client().post("/signin/", {"username": name, "password": "wrong"}) for name in (world.ana.label, "nobody")
    ]
    words = [answer.context["form"].non_field_errors() for answer in answers]
    assert words[0] == words[1]


def test_sign_in_leads_to_no_other_site(world: World) -> None:
    user = User.objects.get(username=world.ana.label)
    user.set_password(PASSWORD)
    user.save()
    answer = Client().post(
        "/signin/", {"username": user.username, "password": PASSWORD, "next": "https://elsewhere.example/"}
    )
    assert answer["Location"] == "/"


def test_the_theme_is_remembered(world: World, ana: Client) -> None:
    ana.post("/theme/", {"request_id": str(uuid.uuid4()), "theme": "dark"})
    assert User.objects.get(username=world.ana.label).theme == "dark"
    assert 'data-theme="dark"' in ana.get("/sessions/").content.decode()
    assert ana.post("/theme/", {"request_id": str(uuid.uuid4()), "theme": "pink"}).status_code == 400


def test_signing_out_needs_a_form(world: World, ana: Client) -> None:
    assert ana.get("/signout/").status_code == 405
    ana.post("/signout/")
    assert ana.get("/sessions/").status_code == 302


def test_a_partial_that_meets_the_sign_in_leads_the_whole_browser_there(db: None) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/chat/agent:main:main/"}
    answer = Client().get("/signin/", headers=headers)
    assert answer["HX-Redirect"] == "/signin/?next=/chat/agent:main:main/"
