"""The chat in a real browser: send, stream, reset by a typed command, restore, undo, two tabs, reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import OpenChat, Served
from tests.e2e.steps import answered, current_id, next_session, say, shows_session
from tests.support.model_server import ModelServer

pytestmark = pytest.mark.e2e


def test_a_message_is_stored_streamed_and_answered(open_chat: OpenChat) -> None:
    page = open_chat()
    say(page, "hello there")
    expect(page.locator("article", has_text="hello there").first).to_contain_text(
        re.compile("In this browser|Stored|Queued|Answering|Answered")
    )
    answered(page, "You said: hello there (message 1)")
    expect(page.locator("article[data-role=user]")).to_contain_text("Answered")
    expect(page.locator("[data-tail]")).to_have_count(0)


def test_a_typed_new_asks_and_the_rest_becomes_the_draft(open_chat: OpenChat) -> None:
    page = open_chat()
    say(page, "first")
    answered(page, "You said: first")
    old = current_id(page)
    say(page, "/new plan the release")
    dialog = page.locator("#ask")
    expect(dialog.get_by_role("heading", name="Start a new session?")).to_be_visible()
    expect(dialog.get_by_text("Cancel")).to_be_focused()
    shows_session(page, old)
    dialog.get_by_label("Reason").fill("done with that")
    dialog.get_by_role("button", name="Archive and start new").click()
    divider = page.locator(".divider[data-marker='session.reset']")
    expect(divider).to_contain_text(old[:8])
    new = next_session(page, old)
    expect(divider).to_contain_text(new[:8])
    expect(divider).to_contain_text("typed command")
    expect(divider).to_contain_text("done with that")
    expect(page.get_by_label("Message", exact=True)).to_have_value("plan the release")


def test_cancel_changes_nothing_and_keeps_what_was_typed(open_chat: OpenChat) -> None:
    page = open_chat()
    old = current_id(page)
    say(page, "/reset")
    page.locator("#ask").get_by_text("Cancel").click()
    expect(page.locator("#ask")).to_be_hidden()
    expect(page.get_by_label("Message", exact=True)).to_have_value("/reset")
    page.reload()
    shows_session(page, old)


def test_restore_brings_the_same_session_back_and_undo_undoes_it(open_chat: OpenChat) -> None:
    page = open_chat()
    say(page, "keep me")
    answered(page, "You said: keep me")
    old = current_id(page)
    page.get_by_role("link", name="New session…").click()
    page.locator("#ask").get_by_role("button", name="Archive and start new").click()
    expect(page.locator(".divider")).to_contain_text(old[:8])
    new = next_session(page, old)
    page.locator(".divider").get_by_role("button", name="Restore previous").click()
    expect(page.locator("article.message-agent", has_text="keep me")).to_be_visible()
    shows_session(page, old)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".toast", has_text=f"Restored {new[:8]}")).to_be_visible()
    shows_session(page, new)


def test_a_second_tab_learns_of_a_reset_and_its_draft_stays_behind(open_chat: OpenChat) -> None:
    first, second = open_chat(), open_chat()
    say(first, "in both tabs")
    answered(second, "You said: in both tabs")
    old = current_id(second)
    second.get_by_label("Message", exact=True).fill("for the old session")
    first.get_by_role("link", name="New session…").click()
    first.locator("#ask").get_by_role("button", name="Archive and start new").click()
    expect(first.locator(".divider")).to_contain_text(old[:8])
    new = next_session(first, old)
    banner = second.locator("[data-notice=moved]")
    expect(banner).to_contain_text(old[:8])
    expect(banner).to_contain_text(new[:8])
    expect(banner).to_contain_text("admin")
    expect(second.get_by_label("Message", exact=True)).to_be_disabled()
    banner.get_by_role("button", name="Continue in the new session").click()
    expect(second.locator(".divider")).to_contain_text(new[:8])
    expect(second.get_by_label("Message", exact=True)).to_have_value("")
    expect(second.locator("#held")).to_contain_text("for the old session")


def test_the_second_tab_can_restore_what_the_first_one_put_aside(open_chat: OpenChat) -> None:
    first, second = open_chat(), open_chat()
    old = current_id(second)
    first.get_by_role("link", name="New session…").click()
    first.locator("#ask").get_by_role("button", name="Archive and start new").click()
    expect(first.locator(".divider")).to_contain_text(old[:8])
    new = next_session(first, old)
    second.locator("[data-notice=moved]").get_by_role("button", name="Restore previous").click()
    expect(second.locator(".toast", has_text=f"Restored {old[:8]}")).to_be_visible()
    shows_session(second, old)
    banner = first.locator("[data-notice=moved]")
    expect(banner).to_contain_text(old[:8])
    expect(banner).to_contain_text(new[:8])
    assert first.locator("#toasts form").count() == 0, "the Undo of the reset is void"


def test_a_reload_in_the_middle_of_an_answer_loses_and_doubles_nothing(open_chat: OpenChat, model: ModelServer) -> None:
    page = open_chat()
    model.behave_next("held:60:5")
    say(page, "count for me")
    expect(page.locator("[data-tail=live]")).to_contain_text("word5")
    page.reload()
    expect(page.locator("[data-tail=live]")).to_contain_text("word1 word2")
    model.go_on()
    answered(page, "word60")
    expect(page.locator("article.message-agent")).to_have_count(1)
    text = page.locator("article.message-agent .prose").inner_text()
    assert text.split() == [f"word{number}" for number in range(1, 61)]


def test_stop_keeps_what_is_there_and_retry_asks_again(open_chat: OpenChat, model: ModelServer) -> None:
    page = open_chat()
    model.behave_next("held:400:3")
    say(page, "a long one")
    expect(page.locator("[data-tail=live]")).to_contain_text("word3")
    page.locator("#message").fill("and then?")
    expect(page.locator("#composer-hint")).to_have_text("Waits until the answer is done")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#composer-hint")).not_to_contain_text("Waits")
    cut = page.locator("article.message-agent[data-seq]")
    expect(cut).to_contain_text("Stopped")
    expect(cut).to_contain_text("word1 word2 word3")
    cut.get_by_role("button", name="Retry").click()
    answered(page, "You said: a long one")


def test_edit_and_resend_goes_on_in_a_branch_and_leaves_the_original(open_chat: OpenChat) -> None:
    page = open_chat()
    say(page, "first")
    answered(page, "You said: first")
    say(page, "secnod")
    answered(page, "You said: secnod")
    original = page.url
    page.locator("article[data-role=user]").last.hover()
    page.locator("article[data-role=user]").last.get_by_role("button", name="Edit and resend").click()
    expect(page.locator("#message")).to_have_value("secnod")
    expect(page.locator("article[data-role=user]")).to_have_count(1)
    expect(page).not_to_have_url(original)
    page.locator("#message").fill("second")
    page.get_by_role("button", name="Send", exact=True).click()
    answered(page, "You said: second (message 2)")
    page.reload()
    expect(page.locator("#message")).to_have_value("")
    page.goto(original)
    expect(page.locator("article[data-role=user]").last).to_contain_text("secnod")


def test_a_message_written_while_the_server_is_away_is_sent_once_it_is_back(
    open_chat: OpenChat, served: Served
) -> None:
    page = open_chat()
    served.stop()
    expect(page.locator("#connection")).not_to_have_text("Connected")
    page.locator("#message").fill("are")
    expect(page.locator("#composer-hint")).to_contain_text("Kept in this browser")
    say(page, "are you there?")
    expect(page.locator(".is-pending")).to_contain_text("In this browser")
    served.start()
    answered(page, "You said: are you there? (message 1)")
    expect(page.locator("article[data-role=user]")).to_have_count(1)


def test_the_outbox_survives_a_reload_of_the_page(open_chat: OpenChat, served: Served) -> None:
    page = open_chat()
    served.stop()
    say(page, "keep this safe")
    expect(page.locator(".is-pending")).to_be_visible()
    served.start()
    page.reload()
    answered(page, "You said: keep this safe (message 1)")
    expect(page.locator("article[data-role=user]")).to_have_count(1)


def test_without_script_one_can_send_reset_and_restore(chromium: Browser, served: Served) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.sign_in_link())
    old = current_id(page)
    page.get_by_label("Message", exact=True).fill("no script here")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("article[data-role=user]")).to_contain_text("no script here")
    answer = page.locator("article.message-agent", has_text="You said: no script here")
    for _ in range(200):  # without script one loads the page again
        page.goto(f"{served.url}/chat/agent:main:main/")
        if answer.count():
            break
    expect(answer).to_be_visible()
    page.get_by_role("link", name="New session…").click()
    page.get_by_role("button", name="Archive and start new").click()
    expect(page.locator(".divider")).to_contain_text(old[:8])
    page.locator(".divider").get_by_role("button", name="Restore previous").click()
    shows_session(page, old)
    context.close()
