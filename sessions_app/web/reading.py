"""Reading what others own: the form that asks why, and the page on which owners see who read, exported or moved what is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from sessions_app.errors import HoldfastError, InvalidParamsError
from sessions_app.selectors.accounting import access_list
from sessions_app.selectors.conversations import conversation_get
from sessions_app.services.reading import session_open
from sessions_app.values import REASON_MAX_CHARS
from sessions_app.web.request import HtmxHttpRequest, actor_of, back_to, uuid_of, write
from sessions_app.web.tables import cursor_of, pager

SESSIONS_MAX = 20


def reason_asked(request: HtmxHttpRequest, error: HoldfastError) -> HttpResponse:
    """Instead of a page that shows another's transcript: the form that asks why, which then leads to that page.

    Args:
        request: what was asked for.
        error: a ReasonRequiredError.
    """
    key, sessions = error.details["sessionKey"], error.details["sessionIds"]
    if request.htmx:
        wanted = request.htmx.current_url_abs_path or "/"
        query = urlencode({"key": key, "session": sessions, "next": wanted}, doseq=True)
        return HttpResponseClientRedirect(f"{reverse('reading')}?{query}")
    wanted = request.get_full_path() if request.method == "GET" else _page_before(request)
    return _form(request, key, sessions, wanted, status=428)


def _page_before(request: HttpRequest) -> str:
    """The page whose form was sent."""
    before = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(before, {request.get_host()}, require_https=request.is_secure())
    return before if is_ours else "/"


@require_http_methods(["GET", "POST"])
def reading(request: HtmxHttpRequest) -> HttpResponse:
    """GET: the question. POST: the reason, and on to the page that was wanted."""
    given = request.POST if request.method == "POST" else request.GET
    key, sessions = given.get("key", ""), given.getlist("session")[:SESSIONS_MAX]
    wanted = back_to(request, "/")
    if request.method == "GET":
        return _form(request, key, sessions, wanted)
    try:
        for session in sessions:
            session_id, reason = uuid_of(session, "session"), given.get("reason", "")
            write(request, session_open, suffix=str(session_id), session_key=key, session_id=session_id, reason=reason)
    except InvalidParamsError as error:
        return _form(request, key, sessions, wanted, error, status=400)
    return HttpResponse(status=303, headers={"Location": wanted})


def _form(
    request: HtmxHttpRequest,
    key: str,
    sessions: Sequence[str],
    wanted: str,
    error: HoldfastError | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "row": conversation_get(actor_of(request), session_key=key),
        "sessions": [str(uuid_of(session, "session")) for session in sessions],
        "wanted": wanted,
        "error": error,
        "reason": request.POST.get("reason", ""),
        "reason_max": REASON_MAX_CHARS,
    }
    return render(request, "reading.html", context, status=status)


@require_GET
def own_access(request: HtmxHttpRequest) -> HttpResponse:
    """Who opened, exported, reset or restored what is one's own."""
    key = request.GET.get("key", "")
    found = access_list(actor_of(request), session_key=key, cursor=cursor_of(request))
    context = {"rows": found["events"], "key": key, "pager": pager(request, found["nextCursor"])}
    return render(request, "access.html", context)
