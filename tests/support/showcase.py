"""A house that people live in: conversations with words a team would write, for pictures and for looking at pages.

`fill` talks to a running server as people do: through pages and calls, never past them.
"""

from __future__ import annotations

import datetime
import json
import sqlite3
import time
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

KEY = "agent:main:ana"
TALKS: dict[str, list[tuple[str, str]]] = {
    "parser": [
        (
            "Let us plan 2.4. What is left for the new parser?",
            "Three things are open for the parser:\n\n1. **Unterminated strings** report the wrong line.\n"
            "2. Nested comments are still quadratic in their depth.\n3. The error messages need one more pass by somebody who did "
            "not write them.\n\nI would start with the second: it is the only one that users have met.",
        ),
        (
            "Show me how you would mend the nesting.",
            "Count the depth instead of looking for the end again from each start:\n\n```python\n"
            "def skip_comment(text: str, at: int) -> int:\n    depth = 0\n    for match in MARKS.finditer(text, at):\n"
            '        depth += 1 if match[0] == "/*" else -1\n        if depth == 0:\n            return match.end()\n'
            "    raise UnterminatedComment(at)\n```\n\nOne pass, whatever the depth. The test with 10,000 levels drops from 41 s to 9 ms.",
        ),
    ],
    "release": [
        (
            "The parser is merged. What has to happen before we can tag 2.4?",
            "| step | who | state |\n| --- | --- | --- |\n| changelog | ana | drafted |\n| migration notes | bo | missing |\n"
            "| benchmark against 2.3 | me | running |\n| freeze | ana | Thursday, 16:00 |\n\nOnly the migration notes block the tag.",
        ),
        (
            "Which of our own packages still check for `None`?",
            "Eleven call sites, grouped by package:\n\n- `core.loader` (4): lines 88, 131, 140, 212\n- `core.watch` (2): lines 37, 61\n"
            "- `cli` (5): all in `commands/check.py`\n\nThe ones in `core.watch` swallow the error today, so they change behaviour "
            "and deserve a test first.",
        ),
    ],
}
OTHERS = [
    (
        "On-call handover",
        "Anything from the night that I should know?",
        "Quiet: one retry storm at 03:10, over in four minutes.",
    ),
    ("Home agent", "Remind me to water the plants on Sunday.", "I will, at 10:00. The basil needs it sooner."),
    (
        "Invoices",
        "Which invoices are older than 30 days?",
        "Two: 2041 (34 days) and 2037 (41 days). Both went out without a reminder.",
    ),
    ("رحلة الربيع", "ما أفضل وقت لزيارة الجبال؟", "نيسان وأيار: الأزهار في أوجها والليل بارد."),
    (
        "A title that is as long as titles may be: "
        + "we plan, we write, we check, and then we plan once more, " * 2
        + "really",
        "Hm?",
        "Hm.",
    ),
]
_ANSWERS = {ask: answer for talk in TALKS.values() for ask, answer in talk} | {ask: answer for _, ask, answer in OTHERS}


def reply(messages: list[dict[str, str]]) -> str:
    """What the model of the pictures says to the last message."""
    return _ANSWERS.get(messages[-1]["content"], "Noted.")


class Caller:
    """Calls methods of a server with a token.

    Args:
        url: of the server.
        token: with the scopes read and write.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    def __call__(self, method: str, **params: Any) -> Any:
        """One call; returns its payload."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        body = json.dumps(params).encode()
        request = urllib.request.Request(f"{self._url}/rpc/{method}", body, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["payload"]

    def talk(self, key: str, lines: list[tuple[str, str]]) -> str:
        """Say each line and wait for its answer; returns the session id."""
        session_id = ""
        for ask, _ in lines:
            session_id = self("sessions.get", sessionKey=key)["sessionId"]
            self("chat.send", sessionKey=key, sessionId=session_id, message=ask, idempotencyKey=str(uuid.uuid4()))
            while (row := self("sessions.get", sessionKey=key))["running"] or row["queued"]:
                time.sleep(0.05)
        return session_id


def fill(browser: Browser, url: str, admin_link: str) -> BrowserContext:
    """Create ana, who talks, archives, marks and branches.

    Returns:
        Her browser, signed in.
    """
    office = browser.new_context()
    desk = office.new_page()
    desk.goto(admin_link)
    for name, group in (("ana", "Operator"), ("bo", "User"), ("carla.reyes", "Auditor"), ("dmitri", "User")):
        _account(desk, url, name, group)
    desk.get_by_role("button", name="Disable account").click()
    desk.locator(".badge-bad").wait_for()
    desk.goto(f"{url}/people/ana/")
    desk.get_by_role("button", name="Make a sign-in link").click()
    link = desk.locator("#secret").inner_text()
    office.close()
    ana = browser.new_context(viewport={"width": 1440, "height": 900})
    page = ana.new_page()
    page.goto(link)
    call = Caller(url, _token(page, url))
    _live(page, call, url)
    page.close()
    return ana


def age(data_dir: Path) -> None:
    """Let some conversations be older than they are; only lists show it."""
    now = datetime.datetime.now(datetime.UTC)
    with sqlite3.connect(data_dir / "holdfast.sqlite3", timeout=20) as database:
        rows = database.execute(
            "SELECT id FROM sessions_app_conversation WHERE key != ? ORDER BY updated_at DESC", [KEY]
        )
        for (row,), days in zip(rows.fetchall(), (0.1, 1, 3, 8, 40, 45, 90, 120, 200), strict=False):
            moment = f"{now - datetime.timedelta(days=days):%Y-%m-%d %H:%M:%S.%f}"
            database.execute("UPDATE sessions_app_conversation SET updated_at = ? WHERE id = ?", [moment, row])


def _account(page: Page, url: str, name: str, group: str) -> None:
    page.goto(f"{url}/people/")
    page.get_by_text("Add someone").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.locator(f"input[name=groups][value={group}]").check()
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url(f"**/people/{name}/")


def _token(page: Page, url: str) -> str:
    page.goto(f"{url}/account/")
    page.get_by_text("New token").click()
    page.get_by_label("Name of the program").fill("nightly backup")
    page.locator("input[name=scopes][value=write]").check()
    page.get_by_role("button", name="Make token").click()
    return page.locator("#secret").inner_text()


def _live(page: Page, call: Caller, url: str) -> None:
    for title, ask, answer in reversed(OTHERS):
        key = call("sessions.create", title=title, requestId=str(uuid.uuid4()))["sessionKey"]
        call.talk(key, [(ask, answer)])
    call("sessions.patch", sessionKey=KEY, title="Release planning", requestId=str(uuid.uuid4()))
    call.talk(KEY, TALKS["parser"])
    page.goto(f"{url}/chat/{KEY}/")
    page.locator("#e-2").hover()
    page.locator("#e-2").get_by_role("button", name="Checkpoint here").click()
    page.get_by_label("Label (optional)").fill("before the refactoring")
    page.get_by_role("button", name="Make checkpoint").click()
    page.locator("#timeline .stop-mark").wait_for()
    page.get_by_role("link", name="New session…").click()
    page.locator("#ask").get_by_label("Reason").fill("the parser is merged")
    page.locator("#ask").get_by_role("button", name="Archive and start new").click()
    page.locator(".divider").first.wait_for()
    call.talk(KEY, TALKS["release"])
