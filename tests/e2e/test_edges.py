"""The chat where things go wrong: storage blocked, the session moved while nobody was connected, text too long."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import OpenChat, Served
from tests.e2e.steps import answered, current_id, fits, say
from tests.support.model_server import ModelServer

pytestmark = pytest.mark.e2e
BLOCKED = """
    for (const name of ["getItem", "setItem", "removeItem"]) {
        Storage.prototype[name] = () => { throw new DOMException("blocked", "QuotaExceededError"); };
    }
"""


def test_sending_works_with_the_browsers_storage_blocked(context: BrowserContext, open_chat: OpenChat) -> None:
    context.add_init_script(BLOCKED)
    page = open_chat()
    say(page, "no storage here")
    answered(page, "You said: no storage here (message 1)")
    expect(page.locator("[data-tail]")).to_have_count(0)


def test_a_message_written_for_a_session_that_was_put_aside_is_not_sent_into_the_new_one(
    open_chat: OpenChat, served: Served, model: ModelServer
) -> None:
    page = open_chat()
    old = current_id(page)
    served.stop()
    say(page, "for the old session only")
    served.command("sessions", "reset", "agent:main:main", "--yes")
    served.start()
    banner = page.locator("[data-notice=moved]")
    expect(banner).to_contain_text(old[:8])
    expect(banner).to_contain_text("command line")
    page.wait_for_timeout(1000)
    assert not model.requests
    banner.get_by_role("button", name="Continue in the new session").click()
    unsent = page.locator("#held", has_text="for the old session only")
    expect(unsent).to_contain_text(old[:8])
    unsent.get_by_role("button", name="Put it into the message box").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("for the old session only")
    page.keyboard.press("Tab")
    page.get_by_label("Message", exact=True).press("Enter")
    answered(page, "You said: for the old session only (message 1)")


def test_the_question_closes_when_the_connection_is_lost(open_chat: OpenChat, served: Served) -> None:
    page = open_chat()
    page.get_by_role("link", name="New session…").click()
    expect(page.locator("#ask")).to_be_visible()
    served.stop()
    expect(page.locator("#ask")).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("Nothing was changed")


def test_text_that_is_too_long_is_said_kindly_and_kept(open_chat: OpenChat) -> None:
    page = open_chat()
    box = page.get_by_label("Message", exact=True)
    box.fill("é" * (140 * 1024))
    expect(page.locator("#composer-hint")).to_contain_text("280 of 256 KiB")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    box.fill("short")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()


def test_hostile_answers_never_run_and_never_widen_the_page(open_chat: OpenChat, model: ModelServer) -> None:
    page = open_chat()
    page.set_viewport_size({"width": 320, "height": 640})
    hostile = "<script>window.ran = 1</script> <img src=x onerror='window.ran = 2'> " + "w" * 10_000
    model.reply = lambda _messages: hostile
    say(page, "\u202etxet thgir ot tfel 👩‍👩‍👧‍👦 " + "u" * 3000)
    answered(page, "window.ran = 1")
    assert page.evaluate("window.ran") is None
    fits(page)


def test_keys_lead_about_and_a_question_mark_lists_them(open_chat: OpenChat) -> None:
    page = open_chat()
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("n")
    expect(page.locator("#ask").get_by_text("Cancel")).to_be_focused()


def test_a_checkpoint_is_made_beside_a_message_and_appears_in_the_timeline(open_chat: OpenChat) -> None:
    page = open_chat()
    say(page, "mark this")
    answered(page, "You said: mark this")
    message = page.locator("article[data-role=user]")
    message.hover()
    message.get_by_role("button", name="Checkpoint here").click()
    page.get_by_label("Label (optional)").fill("before the change")
    page.get_by_role("button", name="Make checkpoint").click()
    stop = page.locator("#timeline .stop-mark")
    expect(stop).to_contain_text("before the change")
    expect(stop).to_contain_text("at 1")
    stop.get_by_role("button", name="Rename").click()
    page.locator("#name-label").fill("after all")
    page.locator("#name").get_by_role("button", name="Rename").click()
    expect(stop).to_contain_text("after all")
