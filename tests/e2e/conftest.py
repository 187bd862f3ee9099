"""A real server process on a free port with a data directory of its own, a real model server, and a real browser."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.model_server import ModelServer

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 60
LINK = re.compile(r"https?://\S+/signin/link/\S+")
WAIT_MS = 20_000  # how long to look for what must come; no test says how fast it comes
BROWSER_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


@dataclass
class Served:
    """One serving process and what it printed; supervised: by the script that starts it again after a restart."""

    data_dir: Path
    port: int
    supervised: bool = False
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    _reader: threading.Thread = field(default_factory=threading.Thread)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        serve = ["deploy/serve.sh", sys.executable] if self.supervised else [sys.executable, "manage.py", "serve"]
        command = [*serve, "--port", str(self.port), "--data-dir", str(self.data_dir)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment()
        )
        printed: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, args=(self.process, printed), daemon=True)
        self._reader.start()
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise AssertionError("the server ended:\n" + "".join(self.lines))
            try:
                printed.get(timeout=0.2)
            except Empty:
                continue
            if self._answers():
                return
        raise AssertionError("the server was not ready in time:\n" + "".join(self.lines))

    def stop(self, *, kill: bool = False) -> int:
        """Stop it, as an operator or as a power cut would; returns its exit code."""
        assert self.process is not None
        self.process.kill() if kill else self.process.terminate()
        code = self.process.wait(timeout=30)
        self._reader.join(timeout=5)
        return code

    def sign_in_link(self, username: str = "admin") -> str:
        """A fresh one-time link."""
        printed = self.command("signin_link", username)
        found = LINK.search(printed)
        assert found, printed
        return self.url + "/signin/link/" + found[0].rsplit("/", 1)[1]

    def command(self, *words: str) -> str:
        """Run a command on the same data directory; returns what it printed."""
        command = [sys.executable, "manage.py", *words, "--data-dir", str(self.data_dir)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=_environment()).stdout

    def _read(self, process: subprocess.Popen[str], printed: Queue[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.lines.append(line)
                printed.put(line)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _environment() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "DJANGO_", "DATABASE_"))
    }
    return {**kept, "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def place_for(tmp_path: Path, model: ModelServer) -> Path:
    """A data directory whose agent talks to the model server."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    agents = f'[agents.main]\nbackend = "openai"\nbase_url = "{model.base_url}"\nmodel = "test"\n'
    (data_dir / "agents.toml").write_text(agents, encoding="utf-8")
    return data_dir


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A local OpenAI-compatible server: eight pieces of an echo, a moment apart."""
    with ModelServer(delay_seconds=0.03) as server:
        yield server


@pytest.fixture
def served(tmp_path: Path, model: ModelServer) -> Iterator[Served]:
    """A serving process whose agent talks to the model server."""
    server = Served(place_for(tmp_path, model), free_port())
    server.start()
    yield server
    if server.process and server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="module")
def chromium(ci: bool) -> Iterator[Browser]:
    """The machine's own Chromium.

    Not for the whole run: while Playwright runs, its event loop does too, and Django then refuses plain database tests.
    """
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        (pytest.fail if ci else pytest.skip)("no Chromium: apt-get install chromium, or set CHROMIUM to its path")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGS)
        yield browser
        browser.close()


@dataclass
class Watched:
    """What went wrong in a page without anybody looking."""

    problems: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collect errors of scripts and of the page's security policy."""
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if "Content Security" in line.text else None)


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Every test fails on an error that its pages did not show."""
    found = Watched()
    yield found
    assert not found.problems


@pytest.fixture
def context(chromium: Browser, served: Served, watched: Watched) -> Iterator[BrowserContext]:
    """A browser that is signed in as admin."""
    made = chromium.new_context(
        viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
    )
    made.on("page", watched.watch)
    page = made.new_page()
    page.goto(served.sign_in_link())
    page.close()
    yield made
    made.close()


OpenChat = Callable[[], Page]


@pytest.fixture
def open_chat(context: BrowserContext, served: Served) -> OpenChat:
    """Opens another tab on the conversation, connected."""

    def opened() -> Page:
        page = context.new_page()
        page.goto(f"{served.url}/chat/agent:main:main/")
        page.locator("#connection", has_text="Connected").wait_for()
        return page

    return opened
