"""A session as one HTML document, written entry by entry: to keep as a file that needs nothing else, or to print whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import get_template
from django.utils import timezone
from django.utils.safestring import SafeString

from sessions_app.values import Json
from sessions_app.web.entries import cut_of
from sessions_app.web.formats import marker_words

SHEETS = ("css/tokens.css", "css/base.css", "css/code.css", "css/document.css")


def session_html(facts: Json, entries: Iterable[Json], *, by: str, is_file: bool) -> Iterator[str]:
    """A session to read or print, in pieces.

    Args:
        facts, entries: as `selectors.export.session_export` gives them.
        by: who copies it, for its last line.
        is_file: with its styles inside and nothing to load; else a page of ours that links to them.
    """
    title = facts["title"] or facts["sessionKey"]
    head: Json = {
        "facts": facts,
        "title": title,
        "sheets": (*SHEETS, "css/components.css"),
        "styles": _styles() if is_file else "",
    }
    yield get_template("document/head.html").render(head)
    body = get_template("document/entry.html")
    for entry in entries:
        yield body.render(_context(entry, str(facts["owner"])))
    yield get_template("document/foot.html").render({"by": by, "at": timezone.now(), "version": settings.VERSION})


def _context(entry: Json, owner: str) -> dict[str, Any]:
    marker = marker_words(entry["data"]) if entry["kind"] == "marker" else ""
    return {"entry": entry, "owner": owner, "marker": marker, "cut": cut_of(entry)}


@cache
def _styles() -> SafeString:
    """Our own style sheets, as they stand inside a file. None of them loads anything."""
    found = [finders.find(name) for name in SHEETS]
    return SafeString("\n".join(Path(str(path)).read_text(encoding="utf-8") for path in found))
