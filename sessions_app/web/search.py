"""Search: what was said, in current and archived sessions, and where a chat went."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions_app.selectors import search as searching
from sessions_app.selectors import where as finding
from sessions_app.selectors.reachable import reachable
from sessions_app.web.forms import SearchFilter
from sessions_app.web.request import HtmxHttpRequest, actor_of
from sessions_app.web.tables import chips, cursor_of, pager


@require_GET
def search(request: HtmxHttpRequest) -> HttpResponse:
    """Hits with their text, newest first; each leads to its session, opened at that message."""
    form = SearchFilter(request.GET)
    given = form.given()
    found = searching.search(
        actor_of(request),
        query=given.get("q", ""),
        session_key=given.get("key", ""),
        role=given.get("role", ""),
        agent=given.get("agent", ""),
        state=given.get("state", ""),
        after=given.get("after"),
        before=given.get("before"),
        order=given.get("order", "newest"),
        cursor=cursor_of(request),
    )
    context = {
        "rows": found["hits"],
        "found": found,
        "query": given.get("q", "").strip(),
        "form": form,
        "chips": chips(request, form),
        "pager": pager(request, found["nextCursor"]),
    }
    return render(request, "search.html", context)


@require_GET
def where(request: HtmxHttpRequest) -> HttpResponse:
    """Where did my chat go? Sessions that a phrase, an id, a key or a time may mean, with what happened to each."""
    actor = actor_of(request)
    query = request.GET.get("q", "").strip()
    context = {
        "query": query,
        "found": finding.where(actor, query=query),
        "reachable": reachable(actor, anew=True),
    }
    return render(request, "where.html", context)
