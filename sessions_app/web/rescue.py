"""Rescue: the stores that were looked at, and the ways to look at another. What takes long is a job; these views only ask and show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sessions_app.errors import HoldfastError, InvalidParamsError, NotFoundError
from sessions_app.runtime.rescue_jobs.asking import (
    disk_used,
    job_again,
    job_cancel,
    job_delete,
    job_seen,
    jobs_seen,
    may_again,
    scan_ask,
)
from sessions_app.runtime.rescue_jobs.job import Job, JobKind, JobState
from sessions_app.runtime.rescue_jobs.progress import progress_read
from sessions_app.runtime.rescue_jobs.repairing import repair_facts, undoable, undoing_of
from sessions_app.runtime.rescue_jobs.report_file import JSON_NAME
from sessions_app.runtime.rescue_jobs.report_pages import has_report, report_overview
from sessions_app.values import Json
from sessions_app.web.formats import file_name
from sessions_app.web.request import HtmxHttpRequest, actor_of, toast
from sessions_app.web.rescue_words import RESCUE_FILES
from sessions_app.web.streams import download

STORES_SHOWN = 100
REPAIRS = {JobKind.REPAIR_PLAN, JobKind.REPAIR, JobKind.UNDO}
_CHUNK_CHARS = 32 * 1024
_SHUT = {JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED}


@never_cache
@require_GET
def rescue(request: HtmxHttpRequest) -> HttpResponse:
    """The stores that were looked at, and two forms."""
    return _rescue(request)


def _rescue(request: HtmxHttpRequest, error: HoldfastError | None = None) -> HttpResponse:
    jobs = jobs_seen(actor_of(request))
    stores = _stores(jobs)
    context = {
        "rows": [_row(looks, jobs) for looks in stores[:STORES_SHOWN]],
        "more": max(len(stores) - STORES_SHOWN, 0),
        "reloads": any(job.is_open for job in jobs),
        "upload_max": settings.RESCUE_UPLOAD_MAX_BYTES,
        "path": request.POST.get("path", ""),
        "error": error,
    }
    return render(request, "rescue.html", context, status=400 if error else 200)


def _stores(jobs: list[Job]) -> list[list[Job]]:
    """The looks at each store, the newest first; every upload is a store of its own."""
    stores: dict[str, list[Job]] = {}
    for job in jobs:
        if job.kind is JobKind.SCAN:
            stores.setdefault(_store_of(job), []).append(job)
    return list(stores.values())


def _store_of(scan: Job) -> str:
    return str(scan.id) if scan.upload else f"path {scan.path}"


def _row(looks: list[Job], jobs: list[Job]) -> dict[str, Any]:
    """A store as its newest look found it, with what was done after any look."""
    newest, ids = looks[0], {look.id for look in looks}
    work = [job for job in jobs if job.of in ids]
    adoptions = [job for job in work if job.kind is JobKind.ADOPT and job.state is JobState.DONE]
    return {
        "job": newest,
        "looks": len(looks),
        "found": report_overview(newest) if newest.state is JobState.DONE and has_report(newest) else None,
        "open": next((job for job in work if job.is_open), None),
        "adopted": "all" if any(_is_of_all(job) for job in adoptions) else "some" if adoptions else "",
    }


def _is_of_all(adoption: Job) -> bool:
    return not (adoption.wish.get("keys") or adoption.wish.get("agent"))


@require_http_methods(["GET", "POST"])
def scanning(request: HtmxHttpRequest) -> HttpResponse:
    """Begin to look at a directory; the form stands on the page of all."""
    if request.method == "GET":
        return redirect("rescue")
    try:
        job = scan_ask(
            actor_of(request), path=request.POST.get("path", ""), request_id=request.POST.get("request_id", "")
        )
    except (InvalidParamsError, NotFoundError) as error:
        return _rescue(request, error)
    return redirect(job_url(job))


def job_url(job: Job) -> str:
    """The address of a job's page."""
    return reverse("rescue-job", kwargs={"job": job.id})


def job_context(request: HtmxHttpRequest, job: Job, tab: str) -> dict[str, Any]:
    """What every page of a job shows: itself, the scan it belongs to, what was done with it, and its parts."""
    actor = actor_of(request)
    scan = job if job.kind is JobKind.SCAN else job_seen(actor, job.scan_id)
    jobs = jobs_seen(actor)
    work = [each for each in jobs if each.of == scan.id]
    looks = next((looks for looks in _stores(jobs) if _store_of(looks[0]) == _store_of(scan)), [])
    return {
        "job": job,
        "scan": scan,
        "work": work,
        "tab": tab,
        "earlier": [each for each in looks if each.id != scan.id],
        "progress": progress_read(job) if job.is_open else {},
        "is_shut": job.state in _SHUT,
        "may_again": may_again(job),
        "is_done": job.kind is not JobKind.SCAN,
        "busy": next((each for each in [scan, *work] if each.is_open), None),
        "may_adopt": scan.state is JobState.DONE,
        "may_repair": scan.state is JobState.DONE and not scan.upload,
    }


@never_cache
@require_GET
def rescue_job(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """How far a job is; when it is done, what it found."""
    found = job_seen(actor_of(request), job)
    context = job_context(request, found, "overview")
    if not found.is_open and has_report(found):
        context |= _overview(report_overview(found))
    if found.kind in REPAIRS:
        context |= {"repair": repair_facts(found), "undone": undoing_of(found, context["work"])}
    if found.kind is JobKind.SCAN:
        context |= {"undoable": undoable(context["work"]), "disk": disk_used(found) if found.upload else 0}
    return render(request, "rescue_job.html", context)


def _overview(report: Json) -> dict[str, Any]:
    """A report with its parts as widths of a bar of 1,000, and its kinds of files in a fixed order."""
    totals, x, parts = report["totals"], 0.0, []
    not_chosen = report.get("notChosen", 0)
    shown = {**totals, "refused": totals["refused"] - not_chosen, "not-chosen": not_chosen}
    for name in ("adopted", "duplicate", "unreadable", "refused", "not-chosen"):
        width = 1000 * shown[name] / totals["lines"] if totals["lines"] else 0
        parts.append({"name": name, "x": round(x, 1), "width": round(max(width, 3 if shown[name] else 0), 1)})
        x += width
    kinds = [(kind, report["kinds"][kind]) for kind in RESCUE_FILES if kind in report["kinds"]]
    is_whole = totals["lines"] == sum(totals[name] for name in ("adopted", "duplicate", "unreadable", "refused"))
    current = report.get("current", {})
    stayed = [{"sessionKey": key, **each} for key, each in current.items() if not each["moved"] and each.get("why")]
    refused = {"refused": shown["refused"], "not_chosen": not_chosen}
    return {"report": report, "parts": parts, "kinds": kinds, "is_whole": is_whole, "stayed": stayed, **refused}


@never_cache
@require_GET
def rescue_progress(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """The part of the page that changes while a job runs; at its end the page is loaded again."""
    found = job_seen(actor_of(request), job)
    if not request.htmx:
        return redirect(job_url(found))
    context = {"job": found, "progress": progress_read(found)}
    response = render(request, "_rescue_progress.html", context)
    if not found.is_open:
        response["HX-Refresh"] = "true"
    return response


@require_GET
def rescue_report(request: HtmxHttpRequest, job: UUID) -> HttpResponseBase:
    """The whole report as JSON."""
    found = job_seen(actor_of(request), job)
    path = found.folder / JSON_NAME
    if not path.is_file():
        raise NotFoundError("There is no report of this job.", jobId=str(job))
    name = file_name("rescue", str(found.kind), str(found.id)[:8], ending="json")
    return download(request, _pieces(path), name=name, content_type="application/json")


def _pieces(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        while piece := file.read(_CHUNK_CHARS):
            yield piece


@require_POST
def rescue_cancelling(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """Cancel a job."""
    return redirect(job_url(job_cancel(actor_of(request), job)))


@require_POST
def rescue_again(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """Start a job again that did not come to its end."""
    return redirect(job_url(job_again(actor_of(request), job)))


@require_POST
def rescue_deleting(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """Delete a scan, its upload and its reports."""
    job_delete(actor_of(request), job)
    toast(request, "Deleted. What was adopted stays, its original lines too.")
    return redirect("rescue")
