"""The timeline of one session key as a page of its own."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions_app.selectors.conversations import conversation_get
from sessions_app.selectors.moves import session_moves
from sessions_app.web.request import HtmxHttpRequest, actor_of
from sessions_app.web.tables import cursor_of, pager


@require_GET
def chat_moves(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """What happened under this key, newest first; every edge can be opened, previewed, compared and restored."""
    actor = actor_of(request)
    found = session_moves(actor, session_key=key, cursor=cursor_of(request))
    context = {
        "found": found,
        "row": conversation_get(actor, session_key=key),
        "viewed": found["currentSessionId"],
        "pager": pager(request, found["nextCursor"]),
    }
    return render(request, "timeline.html", context)
