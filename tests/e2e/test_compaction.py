"""A long chat is summarised, goes on from the summary, and is restored to before it, in a real browser."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenChat, Served
from tests.e2e.test_accessible import check
from tests.support.model_server import ModelServer

pytestmark = pytest.mark.e2e
SUMMARY = "# Where we are\n\nThe parser is **green**.\n\n- Ship on Friday"


def _reply(messages: list[dict[str, str]]) -> str:
    """A summary when one is wanted; else what the model was shown, so that the page proves it."""
    if "Write a summary that takes its place" in messages[-1]["content"]:
        return SUMMARY
    return f"I was shown {json.dumps([message['content'][-20:] for message in messages])}"


def _say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("article.message-agent[data-seq]", has_text=text).last).to_be_visible()


def _pictured(page: Page, name: str) -> None:
    """Pictures to look at, when HOLDFAST_PICTURES names a folder."""
    if folder := os.environ.get("HOLDFAST_PICTURES"):
        for width in (1280, 360):
            for scheme in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": 800})
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png")
        page.set_viewport_size({"width": 1280, "height": 800})


def test_a_chat_is_summarised_goes_on_and_is_restored_to_before(
    open_chat: OpenChat, model: ModelServer, served: Served
) -> None:
    model.reply = _reply
    page = open_chat()
    for text in ("first words", "second words", "third words"):
        _say(page, text)
    model.behave_next("500")
    page.get_by_label("Conversation settings").click()
    _pictured(page, "menu")
    page.get_by_role("button", name="Summarise older messages").click()
    expect(page.get_by_text(re.compile("No summary was written, and nothing was changed"))).to_be_visible()
    page.locator("[data-dismiss]").first.click()
    page.get_by_label("Conversation settings").click()
    card = page.locator(".summary-card")
    expect(card).to_have_count(0)

    page.get_by_role("button", name="Summarise older messages").click()
    expect(card).to_contain_text(re.compile(r"Summary of 6 earlier entries.*tokens · by admin · button"))
    expect(card.get_by_role("heading", name="Where we are")).to_be_hidden()
    page.locator("#message").click()
    _pictured(page, "folded")
    card.locator("summary").click()
    expect(card.get_by_role("heading", name="Where we are")).to_be_visible()
    expect(card.get_by_text("green")).to_have_css("font-weight", re.compile("[67]00"))
    _pictured(page, "open")
    check(page, "a summary, open")
    card.locator("summary").click()
    expect(card.get_by_role("heading", name="Where we are")).to_be_hidden()
    expect(page.locator("article", has_text="first words").first).to_be_visible()

    _say(page, "fourth words")
    shown = page.locator("article.message-agent").last
    expect(shown).to_contain_text("Ship on Friday")
    expect(shown).not_to_contain_text("third words")
    page.reload()
    expect(card).to_contain_text("Summary of 6 earlier entries")

    card.get_by_role("button", name="Restore to before").click()
    expect(page.locator(".divider[data-marker='checkpoint.restored']")).to_be_visible()
    expect(card).to_have_count(0)
    expect(page.locator("article", has_text="fourth words")).to_have_count(0)
    _say(page, "another way")
    expect(page.locator("article.message-agent").last).to_contain_text("third words")
    said = served.command("sessions", "compact", "agent:main:main")
    assert re.search(r"Entries 1 to 9 of \S+ are summarised", said)
    expect(card).to_contain_text("Summary of 9 earlier entries")
