"""Reading another's chat in the browser: asked why, opened for it, and the owner sees it; a locked chat asks for its key."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.e2e.conftest import Served, Watched
from tests.e2e.steps import answered, say
from tests.e2e.test_accessible import check
from tests.e2e.test_people import person_made

pytestmark = pytest.mark.e2e


def test_who_reads_says_why_and_the_owner_sees_it(
    context: BrowserContext, chromium: Browser, served: Served, watched: Watched
) -> None:
    desk = context.new_page()
    link = person_made(desk, served, "zoe")
    home = chromium.new_context()
    home.on("page", watched.watch)
    zoe = home.new_page()
    zoe.goto(link)
    say(zoe, "a word between us")
    answered(zoe, "You said: a word between us")
    chat = zoe.url
    desk.goto(chat)
    expect(desk.get_by_role("heading", name="Why do you read this?")).to_be_visible()
    assert "a word between us" not in desk.content()
    check(desk, "reason")
    desk.get_by_label("Reason").fill("ticket 7")
    desk.get_by_role("button", name="Open it").click()
    expect(desk.locator("article[data-role=user]")).to_contain_text("a word between us")
    expect(desk).to_have_url(chat)
    zoe.goto(f"{served.url}/account/access/")
    row = zoe.get_by_role("row", name="Opened")
    expect(row).to_contain_text("admin")
    expect(row).to_contain_text("ticket 7")
    check(zoe, "access")
    home.close()
