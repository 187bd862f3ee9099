"""The conversation list, the title, typed commands before they are sent, queued messages, and a line that goes dead."""

from __future__ import annotations

import datetime
import re
import sqlite3
import time

import pytest
from playwright.sync_api import APIResponse, BrowserContext, Page, Route, WebSocketRoute, expect

from tests.e2e.conftest import OpenChat, Served
from tests.e2e.steps import answered, current_id, fits, next_session, say, shows_session
from tests.support.model_server import ModelServer

pytestmark = pytest.mark.e2e
STOPPING = "**/runs/stop/"


def new_chat(page: Page, title: str) -> None:
    """Another conversation, renamed where its title stands."""
    page.get_by_role("button", name="New chat").first.click()
    page.wait_for_url(re.compile(r"/chat/agent:main:chat"))
    page.locator("#connection", has_text="Connected").wait_for()
    page.locator("h1").click()
    page.keyboard.press("e")
    page.get_by_label("Title", exact=True).first.fill(title)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(title)
    expect(page.get_by_role("button", name="Rename the conversation")).to_be_focused()


def test_renamed_in_place_pinned_to_the_top_and_folded_when_old(open_chat: OpenChat, served: Served) -> None:
    page = open_chat()
    new_chat(page, "Harbour works")
    expect(page.locator("#conversation-list [aria-current]")).to_contain_text("Harbour works")
    page.get_by_label("Conversation settings").click()
    page.get_by_role("button", name="Pin to the top of the list").click()
    expect(page.locator("#conversation-list h2").first).to_have_text("Pinned")
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=45)
    with sqlite3.connect(served.data_dir / "holdfast.sqlite3", timeout=20) as database:
        moment = f"{long_ago:%Y-%m-%d %H:%M:%S.%f}"
        database.execute("UPDATE sessions_app_conversation SET updated_at = ? WHERE key = 'agent:main:main'", [moment])
    page.reload()
    old = page.locator("#conversation-list a[href*='agent:main:main']")
    expect(old).to_be_hidden()
    page.locator("details.earlier summary").click()
    expect(old).to_be_visible()
    page.locator("#find").fill("main:main")
    expect(page.locator("details.earlier")).to_have_count(0)
    expect(old).to_be_visible()
    page.locator("#find").fill("")
    expect(page.locator("details.earlier[open]")).to_be_visible()


def test_escape_leaves_the_title_and_a_typed_command_says_what_it_will_do(open_chat: OpenChat) -> None:
    page = open_chat()
    title = page.locator("h1").inner_text()
    page.locator("header.chat-bar").hover()
    page.get_by_role("button", name="Rename the conversation").click()
    page.get_by_label("Title", exact=True).first.fill("no")
    page.keyboard.press("Escape")
    expect(page.locator("h1")).to_have_text(title)
    plan, box = page.locator("#composer-plan"), page.get_by_label("Message", exact=True)
    expect(plan).to_be_hidden()
    box.fill("/new plan the harvest")
    expect(plan).to_contain_text(current_id(page)[:8])
    expect(plan).to_contain_text("“plan the harvest” becomes the draft")
    box.fill("/newer things")
    expect(plan).to_be_hidden()


def test_a_queued_message_can_be_withdrawn_and_the_answer_stopped_before_that_is_answered(
    open_chat: OpenChat, model: ModelServer
) -> None:
    page = open_chat()
    late: list[tuple[Route, APIResponse]] = []

    def held_back(route: Route) -> None:
        if late:
            return route.continue_()
        late.append((route, route.fetch()))
        return None

    page.route(STOPPING, held_back)
    model.behave_next("held:400:2")
    say(page, "a long one")
    expect(page.locator("[data-tail=live]")).to_contain_text("word2")
    say(page, "never mind this")
    queued = page.locator("article[data-role=user]", has_text="never mind this")
    queued.get_by_role("button", name="Withdraw").click()
    expect(queued).to_contain_text("Withdrawn")
    page.get_by_role("button", name="Stop").click()
    (route, answer), *_ = late
    route.fulfill(response=answer)
    expect(page.locator("article.message-agent[data-seq]")).to_contain_text("Stopped")
    assert [request.messages[-1]["content"] for request in model.requests] == ["a long one"]


def test_a_line_that_swallows_a_message_is_given_up_and_the_message_sent_once(
    context: BrowserContext, served: Served, model: ModelServer
) -> None:
    page = context.new_page()
    lines: list[WebSocketRoute] = []
    swallowed: list[str] = []

    def line(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        lines.append(route)
        is_first = len(lines) == 1

        def passed_on(words: str | bytes) -> None:
            if is_first and "chat.send" in str(words):
                swallowed.append(str(words))
            else:
                server.send(words)

        route.on_message(passed_on)

    page.route_web_socket(re.compile("/ws/gateway"), line)
    page.clock.install()
    page.goto(f"{served.url}/chat/agent:main:main/")
    page.locator("#connection", has_text="Connected").wait_for()
    say(page, "into the void")
    expect(page.locator(".is-pending")).to_contain_text("In this browser")
    until = time.monotonic() + 60
    while not swallowed and time.monotonic() < until:  # only now does the page count the seconds without an answer
        page.wait_for_timeout(50)
    page.clock.fast_forward(16_000)
    answered(page, "You said: into the void (message 1)")
    expect(page.locator("article[data-role=user]")).to_have_count(1)
    assert len(lines) == 2
    assert len(model.requests) == 1


def test_an_archive_is_compared_with_the_current_session(open_chat: OpenChat, served: Served) -> None:
    page = open_chat()
    say(page, "first thing")
    answered(page, "You said: first thing")
    say(page, "second thing")
    answered(page, "You said: second thing")
    old = current_id(page)
    message = page.locator("article", has_text="You said: first thing").first
    message.hover()
    message.get_by_role("button", name="Restore to here").click()
    expect(page.locator(".divider")).to_contain_text("Restored to")
    page.goto(f"{served.url}/chat/agent:main:main/archives/{old}/")
    page.get_by_role("link", name="Compare them side by side").click()
    both, other, current = (page.locator(f".fork-{name}") for name in ("both", "other", "current"))
    expect(both).to_contain_text("2 messages")
    expect(other).to_contain_text("2 messages")
    expect(other).to_contain_text("second thing")
    expect(current).to_contain_text("0 messages")
    page.set_viewport_size({"width": 360, "height": 740})
    fits(page)
    page.get_by_role("button", name=f"Restore {old[:8]}").click()
    page.wait_for_url("**/chat/agent:main:main/")
    shows_session(page, old)


def test_the_timeline_is_walked_compared_restored_and_undone(open_chat: OpenChat) -> None:
    page = open_chat()
    say(page, "first thing")
    answered(page, "You said: first thing")
    old = current_id(page)
    page.get_by_role("link", name="New session…").click()
    page.locator("#ask").get_by_role("button", name="Archive and start new").click()
    expect(page.locator(".divider")).to_be_visible()
    new = next_session(page, old)
    page.get_by_role("link", name="Whole timeline").click()
    moves = page.locator(".story > .stop")
    expect(moves.first).to_contain_text("Reset")
    expect(moves.last).to_contain_text("Created")
    moves.first.get_by_role("link", name="Compare").click()
    expect(page.locator(".fork-other")).to_contain_text("You said: first thing")
    page.go_back()
    page.set_viewport_size({"width": 360, "height": 740})
    fits(page)
    back = moves.first.get_by_role("button", name="Undo")
    back.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/chat/agent:main:main/")
    shows_session(page, old)
    page.goto(f"{page.url}moves/")
    expect(moves.first).to_contain_text("Restored")
    expect(moves).to_have_count(3)
    moves.first.get_by_role("button", name="Undo").click()
    page.wait_for_url("**/chat/agent:main:main/")
    shows_session(page, new)
