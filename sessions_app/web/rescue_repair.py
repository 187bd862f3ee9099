"""Repair in place from the Rescue page: asked for, planned, read, confirmed, and undone when somebody wants."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from sessions_app.errors import InvalidParamsError, NotFoundError
from sessions_app.runtime.rescue_jobs.asking import job_seen, jobs_of, repair_ask
from sessions_app.runtime.rescue_jobs.job import Job, JobKind, JobState
from sessions_app.runtime.rescue_jobs.repairing import repair_facts, undoing_of
from sessions_app.values import Actor
from sessions_app.web.request import HtmxHttpRequest, actor_of
from sessions_app.web.rescue import job_context, job_url


@never_cache
@require_http_methods(["GET", "POST"])
def rescue_repairing(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """GET: what shall be done in place. POST: plan it; nothing is changed by that."""
    actor = actor_of(request)
    scan = job_seen(actor, job_seen(actor, job).scan_id)
    if request.method == "GET":
        return render(request, "rescue_repair.html", {**job_context(request, scan, "repair"), **_given(request)})
    form = request.POST
    wish = {
        "restore": form.get("restore", "").strip(),
        "key": form.get("key", "").strip(),
        "fix_missing": form.get("fix_missing") == "true",
        "adopt_orphans": form.get("adopt_orphans") == "true",
        "force": form.get("force") == "true",
    }
    asked = repair_ask(actor, JobKind.REPAIR_PLAN, scan, wish=wish, request_id=form.get("request_id", ""))
    return redirect(job_url(asked))


def _given(request: HtmxHttpRequest) -> dict[str, Any]:
    """What the form begins with: what the address says, or what an earlier plan was asked for."""
    given: dict[str, Any] = {name: request.GET.get(name, "") for name in ("restore", "key")}
    given |= {name: name in request.GET for name in ("fix_missing", "adopt_orphans")}
    with suppress(ValueError, NotFoundError):
        earlier = job_seen(actor_of(request), UUID(request.GET.get("again", "")))
        given |= {name: earlier.wish.get(name, value) for name, value in given.items()}
    return given


@require_POST
def rescue_repair_applying(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """Carry out the plan of a job."""
    actor = actor_of(request)
    plan = _finished(actor, job, JobKind.REPAIR_PLAN)
    if not repair_facts(plan).get("ok"):
        raise InvalidParamsError("This plan was refused; its page says why.")
    scan = job_seen(actor, plan.scan_id)
    request_id = request.POST.get("request_id", "")
    return redirect(
        job_url(repair_ask(actor, JobKind.REPAIR, scan, wish={"plan": str(plan.id)}, request_id=request_id))
    )


@require_POST
def rescue_repair_undoing(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """Bring back what was there before the repair of a job."""
    actor = actor_of(request)
    done = job_seen(actor, job)
    backup = repair_facts(done).get("backup")
    if done.kind is not JobKind.REPAIR or done.is_open or not backup:
        raise InvalidParamsError("There is nothing of this to undo.")
    scan, request_id = job_seen(actor, done.scan_id), request.POST.get("request_id", "")
    if undoing_of(done, jobs_of(scan)) is not None:
        raise InvalidParamsError("This repair was undone already. Nothing was changed.")
    wish = {"repair": str(done.id), "backup": backup, "force": request.POST.get("force") == "true"}
    return redirect(job_url(repair_ask(actor, JobKind.UNDO, scan, wish=wish, request_id=request_id)))


def _finished(actor: Actor, job_id: UUID, kind: JobKind) -> Job:
    found = job_seen(actor, job_id)
    if found.kind is not kind or found.state is not JobState.DONE:
        raise InvalidParamsError("This is not ready. Look at its page; nothing was changed.")
    return found
