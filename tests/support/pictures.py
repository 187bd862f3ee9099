"""Pictures of the real pages: those of the README and of docs/rescue.md, or every page for looking at.

python -m tests.support.pictures              # docs/img/chat.png, docs/img/restore.png and docs/img/rescue.png
python -m tests.support.pictures --all DIR    # every page, three widths, light and dark, and a printout
"""

from __future__ import annotations

import argparse
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.conftest import BROWSER_ARGS, ROOT, Served, free_port
from tests.support.model_server import ModelServer
from tests.support.showcase import KEY, age, fill, reply

WIDTHS = {"wide": (1440, 900), "phone": (360, 740), "huge": (2560, 1440)}
PICTURES = ROOT / "docs" / "img"


@contextmanager
def house() -> Iterator[tuple[Browser, Served]]:
    """A server with an agent that knows what to say, and a browser."""
    with tempfile.TemporaryDirectory() as folder, ModelServer() as model, sync_playwright() as playwright:
        model.reply = reply
        agents = f'[agents.main]\nbackend = "openai"\nbase_url = "{model.base_url}"\nmodel = "test"\n'
        data_dir = Path(folder, "data")
        data_dir.mkdir(mode=0o700)
        (data_dir / "agents.toml").write_text(agents, encoding="utf-8")
        server = Served(data_dir, free_port())
        server.start()
        path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGS)
        try:
            yield browser, server
        finally:
            browser.close()
            server.stop()


def opened(context: BrowserContext, address: str, *, wait: str = "") -> Page:
    """A page that has come to rest."""
    page = context.new_page()
    page.goto(address)
    if wait:
        page.locator(wait).first.wait_for()
    page.wait_for_timeout(400)
    return page


def readme(ana: BrowserContext, url: str) -> None:
    """The two pictures of the README."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = opened(ana, f"{url}/chat/{KEY}/", wait="#connection:text('Connected')")
    page.screenshot(path=PICTURES / "chat.png")
    page.goto(url + str(page.locator("#timeline .stop-acts a").first.get_attribute("href")))
    page.wait_for_timeout(400)
    page.screenshot(path=PICTURES / "restore.png")


def rescue(browser: Browser, served: Served) -> str:
    """The picture of docs/rescue.md: a store that was uploaded and read. Returns the report's address."""
    office = browser.new_context(viewport={"width": 1440, "height": 900})
    page = office.new_page()
    page.goto(served.sign_in_link())
    page.goto(f"{served.url}/rescue/")
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "openclaw.tgz")
        with tarfile.open(store, "w:gz") as tar:
            tar.add(ROOT / "tests" / "rescue" / "stores" / "store-2026.4.26", ".openclaw")
        page.get_by_label("Archive", exact=True).set_input_files(store)
        page.get_by_role("button", name="Upload and look at it").click()
        page.get_by_role("heading", name="is accounted for").wait_for(timeout=60_000)
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / "rescue.png")
    address = page.url.removeprefix(served.url)
    office.close()
    return address


def addresses(ana: BrowserContext, url: str) -> dict[str, str]:
    """Every page ana can open, by name."""
    page = opened(ana, f"{url}/chat/{KEY}/")
    preview = str(page.locator("#timeline .stop-acts a").first.get_attribute("href"))
    facts = str(page.locator("a", has_text="Facts about this session").get_attribute("href"))
    return {
        "chat": f"/chat/{KEY}/",
        "preview": preview,
        "compare": f"{preview}compare/",
        "timeline": f"/chat/{KEY}/moves/",
        "reset": f"/chat/{KEY}/reset/",
        "session": facts,
        "archived": f"/sessions/{preview.split('/')[-2]}/",
        "sessions": "/sessions/",
        "archives": "/archives/",
        "no-archives": "/archives/?q=nothing+of+this+kind",
        "account": "/account/",
        "password": "/password/",
        "error": "/nothing/here/",
    }


def every_page(browser: Browser, ana: BrowserContext, served: Served, folder: Path) -> None:
    """All pages in all sizes and both themes."""
    report = rescue(browser, served)
    office = browser.new_context()
    office.new_page().goto(served.sign_in_link())
    staff = {
        "audit": "/audit/",
        "people": "/people/",
        "operations": "/operations/",
        "person": "/people/ana/",
        "rescue": "/rescue/",
        "rescue-report": report,
        "rescue-sessions": f"{report}sessions/",
        "rescue-findings": f"{report}findings/",
        "rescue-files": f"{report}files/",
        "rescue-adopt": f"{report}adopt/",
        "person-off": "/people/dmitri/",
    }
    for context, pages in (
        (ana, addresses(ana, served.url)),
        (office, staff),
        (browser.new_context(), {"signin": "/signin/"}),
    ):
        for name, address in pages.items():
            page = opened(context, served.url + address)
            for size, (width, height) in WIDTHS.items():
                for scheme in ("light", "dark"):
                    page.set_viewport_size({"width": width, "height": height})
                    page.emulate_media(color_scheme=scheme)
                    page.wait_for_timeout(150)
                    page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=name != "chat")
            page.set_viewport_size({"width": 1440, "height": 900})
            page.pdf(path=folder / f"{name}.pdf", format="A4")
            page.close()


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=Path, metavar="DIR", help="every page, into this folder")
    folder = parser.parse_args().all
    with house() as (browser, served):
        ana = fill(browser, served.url, served.sign_in_link())
        age(served.data_dir)
        if folder is None:
            readme(ana, served.url)
            rescue(browser, served)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            every_page(browser, ana, served, folder)


if __name__ == "__main__":
    main()
