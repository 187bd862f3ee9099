"""The audit log: filters in the URL, the state of the chain, copies. Read-only for everyone."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions_app.selectors.audit import audit_head, audit_list, audit_verify
from sessions_app.web.forms import AuditFilter
from sessions_app.web.request import HtmxHttpRequest, actor_of
from sessions_app.web.tables import chips, cursor_of, pager

# Up to here the page checks the chain by itself, a moment after it is shown; beyond, checking takes seconds and is asked for.
CHECKED_UNASKED_MAX_EVENTS = 20_000


@require_GET
def audit(request: HtmxHttpRequest) -> HttpResponse:
    """Who did what, newest first. With `check` the whole chain is read and verified."""
    actor = actor_of(request)
    is_checked = "check" in request.GET
    chain = audit_verify(actor) if is_checked else audit_head(actor)
    context: dict[str, Any] = {
        "chain": chain,
        "is_checked": is_checked,
        "checks_itself": not is_checked and chain["events"] <= CHECKED_UNASKED_MAX_EVENTS,
    }
    if request.htmx:
        return render(request, "_chain.html", context)
    form = AuditFilter(request.GET)
    found = audit_list(actor, **audit_filters(request), cursor=cursor_of(request))
    query = request.GET.copy()
    for name in ("c", "check"):
        query.pop(name, None)
    context |= {
        "rows": found["events"],
        "form": form,
        "chips": chips(request, form),
        "pager": pager(request, found["nextCursor"]),
        "filters": query.urlencode(),
        "can_export": request.user.has_perm("sessions_app.export"),
    }
    return render(request, "audit.html", context)


def audit_filters(request: HttpRequest) -> dict[str, Any]:
    """The filters of the URL as `audit_list` takes them."""
    given = AuditFilter(request.GET).given()
    return {
        "type": given.get("type", ""),
        "actor_label": given.get("actor", ""),
        "trigger": given.get("trigger", ""),
        "outcome": given.get("outcome", ""),
        "session_key": given.get("key", ""),
        "after": given.get("after"),
        "before": given.get("before"),
    }
