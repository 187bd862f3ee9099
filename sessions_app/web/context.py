"""The context processor `frame`: what the frame of every page needs. Lazy, so that partials pay nothing for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse

from sessions_app.access import actor_for_user
from sessions_app.models import User
from sessions_app.runtime.process import current_if_any
from sessions_app.selectors.reachable import reachable
from sessions_app.values import Json


@dataclass(frozen=True, slots=True)
class NavItem:
    """One page in the navigation."""

    label: str
    url: str
    icon: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Toast:
    """Words kept from the last form, with an Undo when there is one."""

    text: str
    level: str
    undo: dict[str, str] | None


class Frame:
    """What the frame shows; each part is worked out when a template asks for it."""

    version = settings.VERSION

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def instance(self) -> str:
        """The short id of the server that answers; "" where none serves."""
        process = current_if_any()
        return str(process.instance_id)[:8] if process else ""

    @property
    def theme(self) -> str:
        """How the pages look: system, light or dark."""
        user = getattr(self._request, "user", None)
        return user.theme if isinstance(user, User) else "system"

    @property
    def nav(self) -> list[NavItem]:
        """The pages this person may open."""
        pages = [("Chat", "home", "chat"), ("Search", "search", "search"), ("Sessions", "sessions", "list")]
        pages.append(("Archives", "archives", "archive"))
        user = getattr(self._request, "user", None)
        if isinstance(user, User) and user.has_perm("sessions_app.view_audit"):
            pages.append(("Audit", "audit", "audit"))
        if isinstance(user, User) and user.has_perm("sessions_app.view_any"):
            pages.append(("Operations", "operations", "pulse"))
        if isinstance(user, User) and user.has_perm("sessions_app.manage"):
            pages += [("Rescue", "rescue", "rescue"), ("People", "people", "people")]
        match = self._request.resolver_match
        here = _SECTIONS.get(match.url_name or "", match.url_name) if match else None
        return [NavItem(label, reverse(name), icon, name == here) for label, name, icon in pages]

    @property
    def reachable(self) -> Json:
        """Whether all sessions of this person can be reached; empty for nobody."""
        user = getattr(self._request, "user", None)
        return reachable(actor_for_user(user)) if isinstance(user, User) else {}

    @property
    def toasts(self) -> Iterator[Toast]:
        """Messages kept for this page; reading them forgets them."""
        for message in messages.get_messages(self._request):
            try:
                undo = json.loads(message.extra_tags or "{}").get("undo")
            except ValueError:
                undo = None
            yield Toast(str(message), message.level_tag, undo)


_SECTIONS = {
    "chat": "home",
    "chat-moves": "home",
    "where": "search",
    "session": "sessions",
    "archive-preview": "archives",
    "archive-compare": "archives",
    "compare": "sessions",
    "checkpoint-preview": "archives",
    "person": "people",
    "restart": "operations",
    "rescue-scan": "rescue",
    "rescue-upload": "rescue",
    "rescue-job": "rescue",
    "rescue-sessions": "rescue",
    "rescue-files": "rescue",
    "rescue-findings": "rescue",
    "rescue-adopt": "rescue",
    "rescue-repair": "rescue",
}


def frame(request: HttpRequest) -> dict[str, Any]:
    """Add `frame` to every template's context."""
    return {"frame": Frame(request)}
