"""People in the browser: an account is made, let in by a link, disabled while it chats, and let in again; tokens; exports."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import OpenChat, Served, Watched
from tests.e2e.steps import answered, say

pytestmark = pytest.mark.e2e
LISTS = re.compile("/(conversations|timeline)/")


def person_made(page: Page, served: Served, name: str) -> str:
    """An account of this name; returns its sign-in link. The page is the account's then."""
    page.goto(f"{served.url}/people/")
    page.get_by_text("Add someone").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url(f"**/people/{name}/")
    page.get_by_role("button", name="Make a sign-in link").click()
    dialog = page.locator("#ask")
    expect(dialog.get_by_role("button", name="Copy sign-in link")).to_be_focused()
    link = dialog.locator("#secret").inner_text()
    dialog.get_by_role("button", name="Copy sign-in link").click()
    expect(page.locator("#toasts")).to_contain_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == link
    dialog.get_by_text("Done").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#secret")).to_have_count(0)
    assert link not in page.content(), "shown once"
    return link


def test_a_disabled_account_is_hung_up_at_once_and_comes_back_when_enabled(
    context: BrowserContext, chromium: Browser, served: Served, watched: Watched
) -> None:
    desk = context.new_page()
    link = person_made(desk, served, "zoe")
    home = chromium.new_context()
    home.on("page", watched.watch)
    zoe = home.new_page()
    zoe.goto(link)
    expect(zoe.locator("#connection")).to_have_text("Connected")
    say(zoe, "hello from zoe")
    answered(zoe, "You said: hello from zoe")
    zoe.get_by_label("Message", exact=True).fill("not sent yet")
    # The lists are fetched a moment after an answer; that would lead to the sign-in page before the socket's word is read.
    zoe.route(LISTS, lambda route: route.fulfill(status=204))
    desk.get_by_role("button", name="Disable account").click()
    expect(desk.locator(".badge-bad")).to_have_text("Disabled")
    expect(zoe.locator("#connection")).to_have_text("Signed out")
    expect(zoe.locator("#toasts")).to_contain_text("what you wrote is kept in this browser")
    assert zoe.goto(f"{served.url}/sessions/").url.startswith(f"{served.url}/signin/")
    desk.get_by_role("button", name="Enable account").click()
    expect(desk.locator(".badge", has_text="Active")).to_be_visible()
    desk.get_by_role("button", name="Make a sign-in link").click()
    zoe.unroute(LISTS)
    zoe.goto(desk.locator("#secret").inner_text())
    expect(zoe.get_by_label("Message", exact=True)).to_have_value("not sent yet")
    home.close()


def test_a_token_is_shown_once_works_and_is_revoked(context: BrowserContext, served: Served) -> None:
    page = context.new_page()
    page.goto(f"{served.url}/account/")
    page.get_by_text("New token").click()
    page.get_by_label("Name of the program").fill("backup")
    page.get_by_role("button", name="Make token").click()
    secret = page.locator("#secret").inner_text()
    call = {"headers": {"Authorization": f"Bearer {secret}"}, "data": {}}
    assert context.request.post(f"{served.url}/rpc/sessions.list", **call).ok  # type: ignore[arg-type]
    page.locator("#ask").get_by_text("Done").click()
    page.reload()
    assert secret not in page.content()
    page.get_by_role("button", name="Revoke backup").click()
    expect(page.locator(".toast", has_text="is revoked")).to_be_visible()
    assert context.request.post(f"{served.url}/rpc/sessions.list", **call).status == 401  # type: ignore[arg-type]


def test_a_session_and_the_audit_log_are_saved_as_files(
    open_chat: OpenChat, context: BrowserContext, served: Served, tmp_path: Path
) -> None:
    page = open_chat()
    say(page, "keep a copy of this")
    answered(page, "You said: keep a copy of this")
    page.get_by_label("Conversation settings").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export as Markdown").click()
    name = waiting.value.suggested_filename
    assert name.startswith("holdfast-agent-main-main-")
    waiting.value.save_as(tmp_path / name)
    assert "keep a copy of this" in (tmp_path / name).read_text(encoding="utf-8")
    page.goto(f"{served.url}/audit/?type=user.signed_in")
    expect(page.locator("#chain")).to_contain_text("unbroken")
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="JSON lines").click()
    waiting.value.save_as(tmp_path / "audit.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["type"] for row in rows} == {"user.signed_in"}
    assert not [line for line in served.lines if "Warning" in line]
