"""Sessions for operators: all conversations one may see, and the page of one session."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions_app.rescue.messages import stripped
from sessions_app.selectors.adoption import session_origin
from sessions_app.selectors.conversations import conversation_get, conversation_list
from sessions_app.selectors.family import session_family
from sessions_app.selectors.salvage import gap_end
from sessions_app.selectors.sessions import session_get
from sessions_app.selectors.traces import session_traces
from sessions_app.selectors.transcript import history
from sessions_app.web.chat import PAGE_ENTRIES
from sessions_app.web.entries import shown_entries
from sessions_app.web.forms import SessionFilter
from sessions_app.web.lineage_picture import lineage_picture
from sessions_app.web.request import HtmxHttpRequest, actor_of, number_of
from sessions_app.web.tables import chips, cursor_of, pager

ENTRIES_BEFORE_A_HIT = 10


@require_GET
def sessions(request: HtmxHttpRequest) -> HttpResponse:
    """Every conversation one may see, the one used last first."""
    form = SessionFilter(request.GET)
    given = form.given()
    found = conversation_list(
        actor_of(request),
        query=given.get("q", ""),
        kind=given.get("kind", ""),
        owner=given.get("owner", ""),
        mine=given.get("mine", False),
        cursor=cursor_of(request),
    )
    rows = found["sessions"]
    context = {"rows": rows, "form": form, "chips": chips(request, form), "pager": pager(request, found["nextCursor"])}
    return render(request, "sessions.html", context)


@require_GET
def session(request: HtmxHttpRequest, session: UUID) -> HttpResponse:
    """One session, read only: facts, lineage, checkpoints and its transcript. `at` opens it at a message and marks it."""
    actor = actor_of(request)
    found = session_get(actor, session_id=session)
    key = found["sessionKey"]
    before, after = number_of(request.GET.get("before")), number_of(request.GET.get("after"))
    at = number_of(request.GET.get("at"))
    if at is not None:
        before, after = None, max(at - 1 - ENTRIES_BEFORE_A_HIT, 0)
    page = history(actor, session_key=key, session_id=session, before_seq=before, after_seq=after, limit=PAGE_ENTRIES)
    entries = page["entries"]
    newest = gap_end(entries[-1]) if entries else 0
    context = {
        "session": found,
        "row": conversation_get(actor, session_key=key),
        "page": page,
        "entries": shown_entries(entries),
        "viewed": found["sessionId"],
        "picture": lineage_picture(session_family(actor, session_id=session)),
        "origin": session_origin(actor, session_id=session)["strands"],
        "found_seq": at,
        "has_older": bool(entries) and entries[0]["seq"] > 1,
        "has_newer": bool(entries) and newest < page["lastSeq"],
        "newest": newest,
        "can_export": found["owner"] == request.user.get_username() or request.user.has_perm("sessions_app.export"),
        "read_only": True,
    }
    return render(request, "session.html", context)


@require_GET
def session_trace(request: HtmxHttpRequest, session: UUID) -> HttpResponse:
    """The runs whose traces were adopted beside a session, with the tools they called."""
    actor = actor_of(request)
    found = session_traces(actor, session_id=session, cursor=cursor_of(request))
    context = {
        "session": session_get(actor, session_id=session),
        "runs": [run | {"prompt": stripped(run.get("prompt", ""))} for run in found["runs"]],
        "pager": pager(request, found["nextCursor"]),
    }
    return render(request, "session_trace.html", context)
