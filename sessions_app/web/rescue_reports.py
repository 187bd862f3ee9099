"""The lists of a rescue report: sessions by key, files, findings. Filters live in the URL, long lists come in pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions_app.rescue.names import TRANSCRIPTS, FileKind
from sessions_app.runtime.rescue_jobs.asking import job_seen
from sessions_app.runtime.rescue_jobs.report_pages import report_files, report_findings, report_keys
from sessions_app.selectors.adoption import sessions_there
from sessions_app.values import Json
from sessions_app.web.forms import RescueFileFilter, RescueFindingFilter, RescueKeyFilter
from sessions_app.web.request import HtmxHttpRequest, actor_of
from sessions_app.web.rescue import job_context
from sessions_app.web.tables import chips, cursor_of, pager

RESTORABLE = {kind for kind in TRANSCRIPTS if kind is not FileKind.COLD}


@require_GET
def rescue_sessions(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """Session keys with their sessions."""
    actor = actor_of(request)
    found = job_seen(actor, job)
    form = RescueKeyFilter(request.GET)
    page = report_keys(found, given=form.given(), cursor=cursor_of(request))
    groups = page["keys"]
    ids = [UUID(row["sessionId"]) for group in groups for row in group["sessions"]]
    here = sessions_there(actor, ids)
    for group in groups:
        for row in _named(group["sessions"]):
            row["here"] = here.get(row["sessionId"])
    context = {**job_context(request, found, "sessions"), "any_here": bool(here)}
    return render(request, "rescue_sessions.html", {**context, **_list(request, form, groups, page)})


@require_GET
def rescue_files(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """Every file, and what becomes of its lines."""
    found = job_seen(actor_of(request), job)
    form = RescueFileFilter(request.GET)
    page = report_files(found, given=form.given(), cursor=cursor_of(request))
    for row in page["files"]:
        row["notChosen"] = row.get("accounts", {}).get("why", {}).pop("not-asked-for", 0)
        row["refused"] = row.get("accounts", {}).get("refused", 0) - row["notChosen"]
        row["restorable"] = row["kind"] in RESTORABLE and not row.get("isCurrent") and "#" not in row["path"]
    context = job_context(request, found, "files")
    return render(request, "rescue_files.html", {**context, **_list(request, form, _named(page["files"]), page)})


@require_GET
def rescue_findings(request: HtmxHttpRequest, job: UUID) -> HttpResponse:
    """What is wrong, the worst first."""
    found = job_seen(actor_of(request), job)
    form = RescueFindingFilter(request.GET)
    page = report_findings(found, given=form.given(), cursor=cursor_of(request))
    context = job_context(request, found, "findings")
    return render(request, "rescue_findings.html", {**context, **_list(request, form, page["findings"], page)})


def _named(rows: list[Json]) -> list[Json]:
    """Rows with their path divided into folder and name."""
    for row in rows:
        folder, slash, name = row["path"].rpartition("/")
        row |= {"folder": folder + slash, "name": name}
    return rows


def _list(request: HtmxHttpRequest, form: Any, rows: list[Json], page: Json) -> dict[str, Any]:
    return {"rows": rows, "form": form, "chips": chips(request, form), "pager": pager(request, page["nextCursor"])}
