"""Adopting from the Rescue page: the plan in words first, then a job."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from sessions_app.errors import HoldfastError, NotFoundError
from sessions_app.runtime.rescue_jobs.adopt_plan import adoption_planned
from sessions_app.runtime.rescue_jobs.asking import adopt_ask, job_seen
from sessions_app.runtime.rescue_jobs.job import Job
from sessions_app.runtime.rescue_jobs.report_pages import report_overview
from sessions_app.web.request import HtmxHttpRequest, actor_of, toast
from sessions_app.web.rescue import job_context, job_url

KEYS_MAX = 1000


@never_cache
@require_http_methods(["GET", "POST"])
def rescue_adopting(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """GET: what would arrive, and under whom. POST: adopt it."""
    actor = actor_of(request)
    scan = job_seen(actor, job_seen(actor, job).scan_id)
    if request.method == "GET" and "chosen" in request.GET and not request.GET.getlist("key"):
        toast(request, "Nothing is ticked. Tick the session keys that shall be adopted, or choose Adopt all.")
        return redirect("rescue-sessions", job=scan.id)
    if request.method == "GET":
        return _plan(request, scan)
    form = request.POST
    wish = {
        "owner": form.get("owner", "").strip(),
        "keys": form.getlist("key")[:KEYS_MAX],
        "agent": form.get("agent", ""),
        "makeCurrent": form.get("make_current") == "true",
    }
    try:
        asked = adopt_ask(actor, scan, wish=wish, request_id=form.get("request_id", ""))
    except NotFoundError as error:
        return _plan(request, scan, error)
    return redirect(job_url(asked))


def _plan(request: HtmxHttpRequest, scan: Job, error: HoldfastError | None = None) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    keys, agent = given.getlist("key")[:KEYS_MAX], given.get("agent", "")
    plan = adoption_planned(actor_of(request), scan, keys=keys, agent=agent)
    context = {
        **job_context(request, scan, "adopt"),
        "plan": plan,
        "report": report_overview(scan),
        "keys": keys,
        "agent": agent,
        "owner": given.get("owner") or request.user.get_username(),
        "error": error,
        "used": [row for row in plan["keys"] if row["isUsed"] and row["currentId"]],
    }
    return render(request, "rescue_adopt.html", context, status=404 if error else 200)
