"""`manage.py search` and `manage.py sessions where`, as somebody types them."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from sessions_app.models import SearchRow
from sessions_app.selectors.search import search
from tests.support.world import World

pytestmark = pytest.mark.django_db


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    call_command(*words)
    return capsys.readouterr().out


def test_rebuild_makes_it_from_what_is_stored_and_status_says_so(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.talk("the harbour lights")
    waiting = json.loads(printed(capsys, "search", "status", "--json"))
    assert (waiting["indexed"], waiting["waiting"] > 0) == (0, True)
    assert "Not indexed yet" in printed(capsys, "search", "rebuild")
    assert json.loads(printed(capsys, "search", "rebuild", "--json"))["waiting"] == 0
    assert SearchRow.objects.count() == 2
    assert len(search(world.ana, query="harbour")["hits"]) == 1


def test_where_tells_the_story_and_the_command_that_brings_it_back(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.talk("the harbour lights")
    old = str(world.current)
    world.reset(reason="spring cleaning")
    text = printed(capsys, "sessions", "where", old[:8])
    assert "Was archived: a new session began in its place." in text
    assert "by ana · rpc “spring cleaning”" in text
    assert f"manage.py sessions restore {world.key} {old}" in text
    assert "No session matches." in printed(capsys, "sessions", "where", "nothing", "like", "this")
    assert json.loads(printed(capsys, "sessions", "where", world.key, "--json"))["readAs"] == "key"
