"""Every page, light and dark, wide and narrow: no violation that axe can find, no sideways scroll."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import OpenChat, Served
from tests.e2e.steps import answered, say

pytestmark = pytest.mark.e2e
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 320, "height": 640}


def check(page: Page, name: str) -> None:
    """Fail with what axe found, and on a page wider than its window."""
    page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished))")  # no colour half-way
    found = Axe().run(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{name} is {width} px too wide at {size['width']} px"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(open_chat: OpenChat, context: BrowserContext, served: Served, scheme: str) -> None:
    page = open_chat()
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    say(page, "hello")
    answered(page, "You said: hello")
    check(page, "chat")
    page.get_by_role("link", name="New session…").click()
    expect(page.locator("#ask")).to_be_visible()
    check(page, "dialog")
    page.locator("#ask").get_by_role("button", name="Archive and start new").click()
    expect(page.locator(".divider")).to_be_visible()
    check(page, "after a reset")
    preview = page.locator("#timeline").get_by_role("link", name="Preview").get_attribute("href")
    facts = page.locator("a", has_text="Facts about this session").get_attribute("href")
    for path in (
        preview,
        facts,
        "/sessions/",
        "/archives/?trigger=ui-button",
        "/search/",
        "/search/?q=hello",
        "/search/?q=zebra&role=user",
        "/search/where/?q=agent:main:main",
        f"{facts}?at=1#e-1",
        "/audit/?check=1",
        f"{preview}compare/",
        "/chat/agent:main:main/moves/",
        f"/compare/?one={str(facts).split('/')[-2]}&at=1",
        f"{facts}print/",
        f"{facts}trace/",
        "/account/access/",
        "/password/",
        "/account/",
        "/operations/",
        "/operations/restart/",
        "/rescue/",
        "/people/",
        "/people/?q=nobody",
        "/people/admin/",
        "/nothing/",
    ):
        page.goto(f"{served.url}{path}")
        check(page, str(path))
    context.clear_cookies()
    page.goto(f"{served.url}/signin/")
    check(page, "sign-in")
