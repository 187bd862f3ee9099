"""The summary on the pages: asked for without script, a folded card, read only in a preview, whole in the copies."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from sessions_app.models import Checkpoint, Entry
from tests.support.world import World
from tests.web.conftest import hidden_fields
from tests.web.test_exports import lines, text

pytestmark = pytest.mark.django_db


def _compacted(world: World, ana: Client) -> str:
    """Press the button of the menu without script; the page afterwards."""
    world.talk("the **parser** is red", "so it is")
    page = ana.get(reverse("chat", args=[world.key])).content.decode()
    action = reverse("compact", args=[world.key])
    answer = ana.post(action, hidden_fields(page, f'action="{action}"'), follow=True)
    return answer.content.decode()


def test_the_form_waits_for_the_agent_and_leads_to_the_card(world: World, ana: Client) -> None:
    page = _compacted(world, ana)
    assert "Summary of 2 earlier entries" in page
    assert "by ana · button" in page
    assert "are summarised for the agent" in page
    assert page.count("the **parser** is red") >= 1  # the message itself is where it was
    assert f'name="checkpoint_id" value="{Checkpoint.objects.get().pk}"' in page
    stored = Entry.objects.get(kind="compaction")
    assert "The demo agent quotes" in stored.text
    assert stored.data["model"] == "demo"


def test_what_an_agent_writes_into_a_summary_is_no_html(world: World, ana: Client) -> None:
    world.talk("<script>alert(1)</script>", "no")
    action = reverse("compact", args=[world.key])
    form = {"request_id": uuid4().hex, "session_id": str(world.current)}
    page = ana.post(action, form, follow=True).content.decode()
    assert "Summary of 2 earlier entries" in page
    assert "<script>alert" not in page


def test_with_nothing_to_summarise_the_page_says_so(world: World, ana: Client) -> None:
    form = {"request_id": uuid4().hex, "session_id": str(world.current)}
    answer = ana.post(reverse("compact", args=[world.key]), form)
    assert answer.status_code == 400
    assert "nothing to summarise" in answer.content.decode()


def test_a_preview_shows_the_card_without_its_button(world: World, ana: Client) -> None:
    _compacted(world, ana)
    old = world.current
    world.reset()
    page = ana.get(reverse("archive-preview", args=[world.key, old])).content.decode()
    assert "Summary of 2 earlier entries" in page
    assert "Restore to before" not in page


def test_copies_hold_the_summary_and_what_it_stands_for(world: World, ana: Client) -> None:
    _compacted(world, ana)
    markdown = text(ana.get(reverse("session-markdown", args=[world.current])))
    assert "### Summary for the agent of entries 1 to 2, by ana · button" in markdown
    assert "The demo agent quotes" in markdown
    entry = lines(ana.get(reverse("session-json-lines", args=[world.current])))[-1]
    assert (entry["kind"], entry["data"]["coversSeq"]) == ("compaction", 2)
    assert json.dumps(entry["data"]["checkpointId"]) == f'"{Checkpoint.objects.get().pk}"'
