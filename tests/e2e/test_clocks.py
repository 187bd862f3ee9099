"""Time in the browser: a lid closed for an hour, and a clock that is years off. Nothing is lost and nothing moves."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Served
from tests.e2e.steps import answered, current_id, say, shows_session

pytestmark = pytest.mark.e2e


def test_after_an_hour_with_the_lid_closed_the_chat_goes_on_in_the_same_session(
    context: BrowserContext, served: Served
) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto(f"{served.url}/chat/agent:main:main/")
    page.locator("#connection", has_text="Connected").wait_for()
    say(page, "before the lid closes")
    answered(page, "You said: before the lid closes (message 1)")
    session = current_id(page)
    with page.expect_websocket(timeout=20_000):  # an hour of silence: the old socket is given up, another is opened
        page.clock.fast_forward("01:00:00")
    page.locator("#connection", has_text="Connected").wait_for()
    say(page, "after the lid opens")
    answered(page, "You said: after the lid opens (message 2)")
    shows_session(page, session)


@pytest.mark.parametrize("now", ["1999-12-31T23:59:00", "2077-01-01T04:00:00"])
def test_a_clock_that_is_years_off_changes_nothing(context: BrowserContext, served: Served, now: str) -> None:
    page = context.new_page()
    page.clock.set_fixed_time(now)
    page.goto(f"{served.url}/chat/agent:main:main/")
    page.locator("#connection", has_text="Connected").wait_for()
    session = current_id(page)
    say(page, "what time is it")
    answered(page, "You said: what time is it (message 1)")
    expect(page.locator("article.message")).to_have_count(2)
    page.reload()
    expect(page.locator("article.message")).to_have_count(2)
    shows_session(page, session)
