"""A chat that went away is found: by what was said in it, and by its id; and it comes back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import OpenChat, Served
from tests.e2e.steps import answered, current_id, next_session, say, shows_session

pytestmark = pytest.mark.e2e


def archived(chat: Page) -> str:
    """Have a talk and archive it; the id of its session."""
    for words in ("where do ships sleep " * 150, "tell me of the harbour lights", "and of the ferry"):
        say(chat, words)
        answered(chat, f"You said: {words.strip()}")
    lost = current_id(chat)
    chat.get_by_role("link", name="New session…").click()
    chat.locator("#ask").get_by_role("button", name="Archive and start new").click()
    expect(chat.locator(".divider")).to_be_visible()
    return lost


def test_what_was_said_is_found_in_the_archive_and_the_chat_comes_back(
    open_chat: OpenChat, context: BrowserContext, served: Served
) -> None:
    chat = open_chat()
    lost = archived(chat)
    new = next_session(chat, lost)

    page = context.new_page()
    page.goto(f"{served.url}/search/")
    page.get_by_label("Words, “a phrase”, begin*").fill('"harbour lig*')
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?*q=*")
    hits = page.locator(".hit")
    for _ in range(50):  # it is indexed a moment after it was stored
        if hits.count() == 2:
            break
        page.wait_for_timeout(100)
        page.reload()
    expect(hits.nth(1).locator("mark")).to_have_text("harbour lights")
    expect(hits.nth(1)).to_contain_text("Archived")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Said by").select_option("user")
    page.get_by_role("button", name="Show").click()
    expect(hits).to_have_count(1)
    expect(page).to_have_url(re.compile("role=user"))
    hits.get_by_role("link", name="agent:main:main").click()
    expect(page).to_have_url(re.compile(f"/sessions/{lost}/"))
    found = page.locator("#e-3")
    expect(found).to_have_class(re.compile("is-found"))
    expect(found).to_be_in_viewport()
    expect(page.get_by_text("Archived", exact=True).first).to_be_visible()
    shows_session(chat, new)  # looking changes nothing

    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_role("link", name="Where did my chat go?").click()
    expect(page.locator(".page-head")).to_contain_text("All 2 sessions reachable")
    page.get_by_label("A phrase, an id, a key or a time").fill(lost[:6])
    page.keyboard.press("Enter")
    story = page.locator(".where")
    expect(story).to_contain_text(
        re.compile("Began.*Was archived: a new session began in its place.*by admin", re.DOTALL)
    )
    story.get_by_role("button", name="Restore").click()
    page.wait_for_url("**/chat/**")
    expect(page.locator("article[data-role=user]")).to_have_count(3)
    shows_session(page, lost)
