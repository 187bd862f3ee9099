"""The page that compares any two positions."""

from __future__ import annotations

import pytest
from django.test import Client

from sessions_app.services.branches import position_branch
from tests.support.world import World

pytestmark = pytest.mark.django_db


def test_two_positions_are_shown_with_what_a_model_sees_of_each(world: World, ana: Client) -> None:
    world.talk("one", "two")
    world.talk("three", "four")
    base = world.current
    branch = world.do(position_branch, session_key=world.key, session_id=base, seq=2)["sessionId"]
    html = ana.get("/compare/", {"one": str(base), "at": "2", "other": branch}).content.decode()
    assert "entries 1 to 2" in html
    assert html.count("2 messages, 6 characters, about 2 tokens") == 2
    assert "4 messages, 15 characters, about 5 tokens" in ana.get("/compare/", {"one": str(base)}).content.decode()


def test_without_another_it_is_the_current_session_of_the_same_key(world: World, ana: Client) -> None:
    world.talk("one", "two")
    old = world.reset()["oldSessionId"]
    html = ana.get("/compare/", {"one": old}).content.decode()
    assert str(world.current) in html
    assert "They share nothing" in html


def test_what_is_no_session_is_said(world: World, ana: Client) -> None:
    assert ana.get("/compare/", {"one": "nonsense"}).status_code == 400
    assert ana.get("/compare/").status_code == 400
