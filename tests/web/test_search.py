"""The pages of search: hits with their text, filters in the address, a lost chat and its way back."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from sessions_app.models import Session
from sessions_app.selectors.search_backlog import backlog
from sessions_app.services.search import search_extend
from sessions_app.values import SYSTEM
from tests.support.world import World
from tests.web.conftest import SignedIn, hidden_fields

pytestmark = pytest.mark.django_db


@pytest.fixture
def said(world: World) -> World:
    for number in range(25):
        world.talk(f"harbour <b>light</b> {number}")
    world.do(search_extend, SYSTEM, backlog=backlog())
    return world


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_hits_are_escaped_marked_and_lead_to_their_message(said: World, ana: Client) -> None:
    html = page(ana, "/search/?q=harbour+24")
    assert "<mark>harbour</mark> &lt;b&gt;light&lt;/b&gt; <mark>24</mark>" in html
    assert f'href="/sessions/{said.current}/?at=49#e-49"' in html
    opened = page(ana, f"/sessions/{said.current}/?at=49")
    assert re.search(r'<article class="message is-found" id="e-49"', opened)
    assert opened.count("is-found") == 1
    assert "Show older messages" in opened


def test_filters_and_pages_live_in_the_address(said: World, ana: Client) -> None:
    html = page(ana, "/search/?q=harbour&role=user&key=agent:main:ana")
    assert "20 hits here" in html
    older = re.search(r'href="(\?|/search/\?)([^"]+)" rel="next"', html)
    assert older is not None
    assert "role=user" in older[2]
    second = page(ana, f"/search/?{older[2].replace('&amp;', '&')}")
    assert second.count('class="hit"') == 5
    assert page(ana, "/search/?q=harbour&role=assistant").count('class="hit"') == 0
    assert "Nothing was said like that" in page(ana, "/search/?q=harbour&role=assistant")


@pytest.mark.parametrize(
    "query", ["%22", "AND", "NEAR(", "%00", "%EF%BF%BF", "x" * 6000, "%F0%9F%8E%89", "agent:main:main"]
)
def test_no_query_breaks_the_page(said: World, ana: Client, query: str) -> None:
    page(ana, f"/search/?q={query}")
    page(ana, f"/search/where/?q={query}")


def test_words_of_others_are_not_shown_without_a_reason(said: World, signed_in: SignedIn) -> None:
    html = page(signed_in(said.operator), "/search/?q=harbour")
    assert "Said in a conversation of ana. Open it to read; a reason is asked." in html
    assert "<mark>" not in html
    assert "Nothing was said like that" in page(signed_in(said.bob), "/search/?q=harbour")


def test_what_waits_for_the_index_is_told(said: World, ana: Client) -> None:
    said.say("brand new")
    assert "1 new entry is not found yet" in page(ana, "/search/?q=harbour")


def test_a_lost_chat_is_restored_from_its_story(said: World, ana: Client) -> None:
    said.reset(reason="by mistake")
    lost = Session.objects.get(conversation__key=said.key, ended_at__isnull=False)
    html = page(ana, f"/search/where/?q={str(lost.pk)[:6]}")
    assert "Was archived: a new session began in its place." in html
    assert "“by mistake”" in html
    assert "All 2 sessions reachable" in html
    answer = ana.post(f"/chat/{said.key}/restore/", hidden_fields(html, "data-moves"))
    assert answer.status_code in {200, 303}
    assert said.current == lost.pk


def test_a_session_that_cannot_be_reached_is_red_and_named(said: World, ana: Client) -> None:
    stray = Session.objects.create(conversation=said.conversation, started_at=said.session.started_at)
    html = page(ana, "/search/where/")
    assert "1 session cannot be reached" in html
    assert str(stray.pk) in html
