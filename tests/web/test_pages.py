"""Every page: who may open it, what it shows, and that it keeps to the strict policy."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client

from tests.support.world import World
from tests.web.conftest import SignedIn, hidden_fields
from tests.web.test_moves import reset

pytestmark = pytest.mark.django_db

PAGES = ["/", "/sessions/", "/archives/", "/password/", "/conversations/?q=x"]
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|<style", re.IGNORECASE)


@pytest.mark.parametrize("page", [*PAGES, "/audit/", "/chat/agent:main:main/", f"/sessions/{uuid.UUID(int=1)}/"])
def test_nobody_signed_in_is_led_to_the_sign_in(db: None, page: str) -> None:
    answer = Client().get(page)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/signin/?next=")


@pytest.mark.parametrize("page", PAGES)
def test_pages_open_and_hold_no_inline_script_or_style(world: World, ana: Client, page: str) -> None:
    answer = ana.get(page, follow=True)
    assert answer.status_code == 200
    assert not INLINE.search(answer.content.decode())
    assert "script-src" not in answer["Content-Security-Policy"]  # default-src 'self' rules scripts too
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_the_chat_shows_transcript_timeline_and_ids(world: World, ana: Client) -> None:
    world.talk("where were we?", "At the **parser**.")
    html = ana.get(f"/chat/{world.key}/").content.decode()
    assert "where were we?" in html
    assert "<strong>parser</strong>" in html
    assert f'data-copy="{world.current}"' in html
    assert "Answered" in html
    assert 'role="log"' in html
    assert not INLINE.search(html)
    assert 'data-text-max="262144"' in html, "numbers for scripts and URLs carry no separators"


def test_hostile_text_in_a_message_stays_text(world: World, ana: Client) -> None:
    world.talk('<img src=x onerror="alert(1)">', "<script>alert(1)</script> ![x](https://elsewhere.example/i.png)")
    html = ana.get(f"/chat/{world.key}/").content.decode()
    assert "<img" not in html
    assert "<script>alert" not in html


def test_older_messages_come_in_pieces(world: World, ana: Client) -> None:
    for number in range(30):
        world.talk(f"question {number:02}", f"answer {number:02}")
    html = ana.get(f"/chat/{world.key}/").content.decode()
    assert "Show older messages" in html
    assert "question 00" not in html
    older = ana.get(f"/chat/{world.key}/entries/?session={world.current}&before=11", headers={"HX-Request": "true"})
    assert "question 00" in older.content.decode()
    assert ana.get(f"/chat/{world.key}/?before=11").status_code == 200


def test_newer_entries_are_only_the_newer_ones(world: World, ana: Client) -> None:
    world.talk("the first question")
    world.talk("the second question")
    html = ana.get(f"/chat/{world.key}/entries/?session={world.current}&after=2").content.decode()
    assert "the second question" in html
    assert "the first question" not in html


def test_the_raw_text_of_a_message_is_byte_equal(world: World, ana: Client) -> None:
    text = "  *stars* <b>\n\ttabs  \n"
    world.talk(text)
    answer = ana.get(f"/chat/{world.key}/entries/{world.current}/1/text/")
    assert answer["Content-Type"].startswith("text/plain")
    assert answer.content.decode() == text


def test_a_message_can_be_sent_without_script(world: World, ana: Client) -> None:
    form = hidden_fields(ana.get(f"/chat/{world.key}/").content.decode(), 'id="composer"')
    for _ in range(2):  # pressed twice
        assert ana.post(f"/chat/{world.key}/send/", {**form, "message": "line\r\nline"}).status_code == 303
    assert world.texts() == ["line\nline"]


def test_a_typed_command_sent_without_script_leads_to_the_question(world: World, ana: Client) -> None:
    form = hidden_fields(ana.get(f"/chat/{world.key}/").content.decode(), 'id="composer"')
    answer = ana.post(f"/chat/{world.key}/send/", {**form, "message": " /NEW start"})
    assert answer["Location"] == f"/chat/{world.key}/reset/"
    assert world.texts() == []


def test_an_archived_session_can_be_read_and_previewed(world: World, ana: Client) -> None:
    world.talk("long ago")
    old = reset(ana, world, reason="enough")
    preview = ana.get(f"/chat/{world.key}/archives/{old}/").content.decode()
    assert "long ago" in preview
    assert "Restore this session" in preview
    assert "Retry" not in preview
    facts = ana.get(f"/sessions/{old}/").content.decode()
    assert "long ago" in facts
    assert "Archived" in facts
    listed = ana.get("/archives/").content.decode()
    assert old in listed


def test_filters_live_in_the_url_and_can_be_taken_away(world: World, ana: Client) -> None:
    world.talk()
    reset(ana, world)
    html = ana.get(f"/archives/?trigger=ui-button&key={world.key}").content.decode()
    assert "Trigger: <b>button</b>" in html
    assert 'href="/archives/?trigger=ui-button" aria-label="Remove filter Session key' in html
    assert "No archived session matches" in ana.get("/archives/?trigger=schedule").content.decode()


def test_a_filter_that_does_not_fit_is_left_out(world: World, ana: Client) -> None:
    assert ana.get("/archives/?trigger=nonsense").status_code == 200
    assert ana.get("/sessions/?kind=nonsense&mine=on").status_code == 200


def test_pages_of_a_table_go_there_and_back(world: World, ana: Client) -> None:
    for _ in range(52):
        reset(ana, world)
    first = ana.get("/archives/").content.decode()
    older = re.search(r'href="(/archives/\?c=[^"]+)" rel="next"', first)
    assert older
    second = ana.get(older[1]).content.decode()
    assert "Page 2" in second
    assert 'href="/archives/" rel="prev"' in second


def test_the_audit_log_is_for_those_who_may(world: World, ana: Client, signed_in: SignedIn) -> None:
    world.talk()
    reset(ana, world, reason="because")
    assert ana.get("/audit/").status_code == 403
    html = signed_in(world.auditor).get("/audit/?check=1").content.decode()
    assert "because" in html
    assert "events, unbroken" in html
    assert "/audit/" not in ana.get("/sessions/").content.decode()
    assert "/audit/" in html


def test_others_see_no_conversations_of_mine(world: World, signed_in: SignedIn) -> None:
    bob = signed_in(world.bob)
    assert bob.get(f"/chat/{world.key}/").status_code == 403
    assert bob.get(f"/sessions/{world.current}/").status_code == 403
    assert world.key not in bob.get("/sessions/").content.decode()
    assert world.key in signed_in(world.operator).get("/sessions/").content.decode()


def test_a_conversation_is_created_renamed_pinned_and_found(world: World, ana: Client) -> None:
    page = ana.get(f"/chat/{world.key}/").content.decode()
    made = ana.post("/conversations/new/", {**hidden_fields(page, 'action="/conversations/new/"'), "title": "Second"})
    assert made.status_code == 303
    rename = {**hidden_fields(page, f'action="/chat/{world.key}/settings/"'), "title": "Harbour works"}
    ana.post(f"/chat/{world.key}/settings/", rename)
    ana.post(f"/chat/{world.key}/settings/", {"request_id": "another", "pinned": "true"})
    found = ana.get("/conversations/?q=harbour", headers={"HX-Request": "true"}).content.decode()
    assert "Harbour works" in found
    assert "Pinned" in found
    assert "Second" not in found


def test_an_unknown_address_says_so_in_words(world: World, ana: Client) -> None:
    answer = ana.get("/nothing/here/")
    assert answer.status_code == 404
    assert "What is safe" in answer.content.decode()
    assert ana.get("/chat/agent:main:nobody/").status_code == 404
