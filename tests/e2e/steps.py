"""What a person does and sees on the chat page, each waiting until it is so."""

from __future__ import annotations

from playwright.sync_api import Page, expect

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def say(page: Page, text: str) -> None:
    """Type a message and press Enter."""
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")


def answered(page: Page, text: str) -> None:
    """Wait until an answer is stored that holds this text."""
    expect(page.locator("article.message-agent[data-seq]", has_text=text).last).to_be_visible()


def current_id(page: Page) -> str:
    """The whole id of the session the page shows."""
    found = page.locator("#main").get_attribute("data-session")
    assert found
    return found


def shows_session(page: Page, session_id: str) -> None:
    """Wait until the page shows this session."""
    expect(page.locator("#main")).to_have_attribute("data-session", session_id)


def next_session(page: Page, old: str) -> str:
    """Wait until the page shows another session than this one; its whole id."""
    expect(page.locator("#main")).not_to_have_attribute("data-session", old)
    return current_id(page)


def fits(page: Page) -> None:
    """Wait until nothing of the page is wider than its window."""
    page.wait_for_function(FITS)
