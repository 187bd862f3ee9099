"""Template tags of the pages: icons, id chips, times and counts. Built in, so that templates need no `load`."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from typing import Any

from django import template
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from sessions_app.web import rendering, rescue_words, words
from sessions_app.web.rendering import agent_html, user_html

register = template.Library()

WEEK_DAYS = 7
_MARKDOWN_MARKS = re.compile(r"^```\S*$|^\s*(?:[-*+>#|]+\s|\d+\.\s)|\*\*|[`|]", re.MULTILINE)


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite; it never carries meaning alone."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>', name)


@register.simple_tag
def id_chip(value: Any, what: str = "session id") -> SafeString:
    """Eight characters of an id in a button: whole on hover and focus, one click copies."""
    whole = str(value or "")
    if not whole:
        return SafeString("")
    return format_html(
        '<button class="id" type="button" data-copy="{0}" aria-label="Copy {1} {0}">{2}{3}'
        '<span class="id-full" aria-hidden="true">{0}</span></button>',
        whole,
        what,
        whole[:8],
        icon("copy"),
    )


@register.filter
def short(value: Any) -> str:
    """The first eight characters of an id."""
    return str(value or "")[:8]


@register.filter
def count(value: Any) -> str:
    """A number with thousands separators."""
    return f"{int(value or 0):,}"


@register.filter
def plural(value: Any, noun: str) -> str:
    """`1 message`, `1,004 messages`."""
    number = int(value or 0)
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@register.filter
def all_sessions(value: Any) -> str:
    """`all 14 sessions`, `all sessions` where there is at most one."""
    number = int(value or 0)
    return f"all {number:,} sessions" if number > 1 else "all sessions"


@register.filter
def way(trigger: Any) -> str:
    """A trigger in words."""
    return words.TRIGGERS.get(str(trigger or ""), str(trigger or ""))


@register.filter
def word(value: Any, table: str) -> str:
    """A code in words, from a table of `words` or `rescue_words`; an unknown code stays as it is."""
    found: dict[str, str] = getattr(rescue_words if table.startswith("RESCUE_") else words, table)
    return found.get(str(value or ""), str(value or ""))


@register.simple_tag
def by_way(actor: Any, trigger: Any) -> str:
    """`by ana · button`."""
    return words.by_way(actor, trigger)


@register.simple_tag
def new_request_id() -> str:
    """A fresh request id for a form, so that a double click is one change."""
    return str(uuid.uuid4())


@register.simple_tag
def when(value: Any, style: str = "clock") -> SafeString:
    """A moment as `<time>`: short words, the exact time in UTC on hover. The page's script puts it into the reader's time zone.

    Args:
        value: ISO 8601 text or an aware datetime; empty gives nothing.
        style: `clock` (12:03, 22 Apr), `ago` (9 minutes ago) or `full`.
    """
    moment = parse_datetime(value) if isinstance(value, str) and value else value
    if not isinstance(moment, dt.datetime):
        return SafeString("")
    moment = moment.astimezone(dt.UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC" data-when="{}">{}</time>',
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        moment.strftime("%Y-%m-%d %H:%M:%S"),
        style,
        _STYLES[style](moment, timezone.now()),
    )


def _day(moment: dt.datetime, now: dt.datetime) -> str:
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year}"


def _clock(moment: dt.datetime, now: dt.datetime) -> str:
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return _day(moment, now)


def _stamp(moment: dt.datetime, now: dt.datetime) -> str:
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{_day(moment, now)}, {moment:%H:%M}"


def _ago(moment: dt.datetime, now: dt.datetime) -> str:
    seconds = (now - moment).total_seconds()
    for limit, size, noun in ((3600, 60, "minute"), (86_400, 3600, "hour")):
        if seconds < limit:
            number = int(max(seconds, 0) // size)
            return f"{number} {noun}{'' if number == 1 else 's'} ago" if number else "just now"
    if seconds < WEEK_DAYS * 86_400:
        return f"{moment:%a}, {moment:%H:%M}"
    return _day(moment, now)


def _full(moment: dt.datetime, now: dt.datetime) -> str:
    return f"{moment.day} {moment:%b %Y}, {moment:%H:%M}"


_STYLES = {"clock": _clock, "stamp": _stamp, "ago": _ago, "full": _full}


@register.filter
def gist(text: Any, chars: int = 180) -> str:
    """The first words of a message on one line, without the marks of Markdown."""
    plain = " ".join(_MARKDOWN_MARKS.sub(" ", str(text or "")[: chars * 8]).split())
    return plain if len(plain) <= chars else f"{plain[: chars - 1].rstrip()}…"


@register.filter
def as_agent(text: Any) -> SafeString:
    """An agent's markdown as safe HTML."""
    return SafeString(agent_html(str(text or "")))


@register.filter
def without_buttons(html: SafeString) -> SafeString:
    """Rendered text without its buttons."""
    return SafeString(rendering.without_buttons(str(html)))


@register.filter
def utc(value: Any) -> str:
    """A moment as people read it in a document: `2026-11-24 10:02 UTC`."""
    moment = parse_datetime(value) if isinstance(value, str) and value else value
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC" if isinstance(moment, dt.datetime) else "unknown"


@register.filter
def as_user(text: Any) -> SafeString:
    """A person's text as safe HTML: what was typed, with fenced and inline code set as code."""
    return SafeString(user_html(str(text or "")))
