"""Restart from the Operations page: the same page comes back by itself, and so does every open chat."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import OpenChat, Served, free_port, place_for
from tests.e2e.steps import answered, current_id, say, shows_session
from tests.support.model_server import ModelServer

pytestmark = pytest.mark.e2e
BACK_MS = 30_000


@pytest.fixture
def served(tmp_path, model: ModelServer) -> Iterator[Served]:
    """A server under the script that starts it again."""
    server = Served(place_for(tmp_path, model), free_port(), supervised=True)
    server.start()
    yield server
    assert server.stop() == 0


def instance(page: Page) -> str:
    """The id of the server that made the page."""
    return page.locator("[data-instance]").get_attribute("data-instance") or ""


def test_a_restart_from_the_page_brings_it_and_an_open_chat_back(
    context: BrowserContext, served: Served, open_chat: OpenChat
) -> None:
    chat = open_chat()
    say(chat, "before the restart")
    answered(chat, "You said: before the restart")
    session, chat_url = current_id(chat), chat.url
    chat.get_by_label("Message", exact=True).fill("a draft")
    page = context.new_page()
    page.goto(f"{served.url}/operations/")
    before = instance(page)
    page.get_by_role("link", name="Restart…").click()
    dialog = page.locator("#ask")
    expect(dialog.get_by_text("Cancel")).to_be_focused()
    dialog.get_by_label("Reason").fill("new version")
    dialog.get_by_role("button", name="Restart").click()
    expect(dialog.get_by_role("heading", name="Restarting, back in a moment")).to_be_visible()
    expect(page.locator(f"[data-instance]:not([data-instance='{before}'])")).to_be_attached(timeout=BACK_MS)
    expect(page).to_have_url(f"{served.url}/operations/")
    expect(page.locator("#ask")).not_to_be_visible()
    row = page.locator("tr", has_text="“new version”")
    expect(row).to_contain_text(re.compile(r"Restarted.*admin", re.DOTALL))
    expect(chat.locator("#connection")).to_contain_text("Connected", timeout=BACK_MS)
    shows_session(chat, session)
    expect(chat).to_have_url(chat_url)
    expect(chat.get_by_label("Message", exact=True)).to_have_value("a draft")
    say(chat, "after the restart")
    answered(chat, "You said: after the restart")
    expect(chat.locator("article[data-role=user]")).to_have_count(2)
    shows_session(chat, session)


def test_without_script_the_page_comes_back_by_itself(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.sign_in_link())
    if page.get_by_role("button", name="Sign in").count():
        page.get_by_role("button", name="Sign in").first.click()
    page.goto(f"{served.url}/operations/")
    before = instance(page)
    page.get_by_role("link", name="Restart…").click()
    page.get_by_role("button", name="Restart").click()
    expect(page.get_by_role("heading", name="Restarting, back in a moment")).to_be_visible()
    expect(page.locator(f"[data-instance]:not([data-instance='{before}'])")).to_be_attached(timeout=BACK_MS)
    context.close()


def test_a_thorough_check_runs_beside_and_its_result_comes_to_the_page(open_chat: OpenChat, served: Served) -> None:
    page = open_chat()
    page.goto(f"{served.url}/operations/")
    page.get_by_role("button", name="Check thoroughly").click()
    expect(page.locator("#findings").locator("..")).to_contain_text("From the thorough check")
    expect(
        page.get_by_role("heading", name="Other accounts of this machine may get at")
    ).to_be_visible()  # its agents.toml
    page.get_by_role("button", name="Back up and apply the plan").click()
    expect(page.get_by_text("Nothing is wrong")).to_be_visible()
    expect(page.get_by_role("button", name="Check thoroughly")).to_be_enabled()
