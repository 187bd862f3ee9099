"""Rescue in a browser: upload a real store, read what is there, adopt it, open an archive, restore it, chat on."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import time
import uuid
from pathlib import Path

import pytest
import zstandard
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Served
from tests.e2e.steps import answered, say, shows_session
from tests.e2e.test_accessible import check
from tests.rescue.making import REAL, STORES

pytestmark = pytest.mark.e2e
STORE = STORES / REAL[1]
DONE_MS = 60_000
HEAVY_LINES = 2_000_000
ARCHIVE = "4dc9eb87-6221-433e-98af-487d5b0009bc"


def tab(page: Page, name: str) -> None:
    """Open a part of the report."""
    link = page.get_by_label("Parts of the report").get_by_role("link", name=name)
    link.click()
    expect(link).to_have_attribute("aria-current", "page")


def heavy(store: Path) -> Path:
    """An archive in this store that is small on disk and keeps a scan busy for long; its path."""
    path = store / f"agents/main/sessions/{uuid.uuid4()}.jsonl.reset.2026-11-20T17-05-00.000Z.zst"
    line = b'{"type":"message","id":"a","message":{"role":"user","content":"again and again"}}\n'
    with zstandard.open(path, "wb") as stream:
        for _ in range(HEAVY_LINES // 1000):
            stream.write(line * 1000)
    return path


def test_from_an_upload_to_a_chat_that_goes_on(context: BrowserContext, served: Served, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "store.tgz", "w:gz") as tar:
        tar.add(STORE, ".openclaw")
    page = context.new_page()
    page.goto(f"{served.url}/rescue/")
    page.get_by_label("Archive", exact=True).set_input_files(tmp_path / "store.tgz")
    page.get_by_role("button", name="Upload and look at it").click()
    expect(page.get_by_role("heading", name="Every one of 268 lines is accounted for")).to_be_visible(timeout=DONE_MS)
    report = page.url
    check(page, "report")
    expect(page.get_by_text("The transcript has no header line")).to_be_visible()
    for name in ("Findings", "Sessions", "Files"):
        tab(page, name)
    check(page, name)
    tab(page, "Sessions")
    page.get_by_role("checkbox", name="agent:main:main", exact=True).check()
    page.get_by_role("button", name="Adopt these…").click()
    expect(page.get_by_role("heading", name="Adopt 1 session key?")).to_be_visible()
    page.goto(report)
    page.get_by_role("link", name="Adopt all…").click()
    check(page, "plan")
    page.get_by_role("button", name="Adopt", exact=True).click()
    expect(page.get_by_text("Adopted 17 sessions")).to_be_visible(timeout=DONE_MS)
    tab(page, "Sessions")
    page.locator("tr", has_text=ARCHIVE[:8]).get_by_role("link", name="Open archive").click()
    expect(page.get_by_text("Hello again, please continue where we stopped.").first).to_be_visible()
    page.get_by_role("button", name="Restore this session").first.click()
    page.locator("#connection", has_text="Connected").wait_for()
    shows_session(page, ARCHIVE)
    say(page, "here again")
    answered(page, "You said: here again")
    page.goto(report)
    page.get_by_role("button", name="Delete upload and report").click()
    expect(page.get_by_text("What was adopted stays")).to_be_visible()
    page.goto(f"{served.url}/chat/agent:main:main/")
    expect(page.get_by_text("Hello again, please continue where we stopped.").first).to_be_visible()


def test_work_outlives_the_page_and_the_server_and_repairs_are_undone(
    context: BrowserContext, served: Served, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(STORE, store)
    archive = heavy(store)
    page = context.new_page()
    page.goto(f"{served.url}/rescue/")
    page.get_by_label("Path").fill(str(store))
    page.get_by_role("button", name="Look at it", exact=True).click()
    page.wait_for_url(re.compile(r"/rescue/[0-9a-f-]{36}/$"))
    job = served.data_dir / "rescue" / page.url.rstrip("/").rsplit("/", 1)[1] / "job.json"
    until = time.monotonic() + 60
    while json.loads(job.read_text())["state"] == "waiting" and time.monotonic() < until:
        time.sleep(0.01)
    served.stop(kill=True)
    archive.unlink()
    served.start()
    page.reload()
    expect(page.get_by_text("The server stopped meanwhile")).to_be_visible()
    page.get_by_role("button", name="Start again").click()
    expect(page.get_by_role("heading", name="Every one of 268 lines")).to_be_visible(timeout=DONE_MS)
    tab(page, "Files")
    page.locator("summary", has_text=f"{ARCHIVE}.jsonl.reset.").click()
    page.get_by_role("link", name="Restore in place…").first.click()
    page.get_by_role("button", name="Show the plan").click()
    expect(page.get_by_role("heading", name="What would be done")).to_be_visible(timeout=DONE_MS)
    page.get_by_role("button", name="Back up and do it").click()
    expect(page.get_by_text("it is as it should be")).to_be_visible(timeout=DONE_MS)
    index = json.loads((store / "agents/main/sessions/sessions.json").read_text())
    assert index["agent:main:main"]["sessionId"] == ARCHIVE
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="What was brought back")).to_be_visible(timeout=DONE_MS)
    for path in STORE.rglob("*"):
        assert path.is_dir() or (store / path.relative_to(STORE)).read_bytes() == path.read_bytes()
