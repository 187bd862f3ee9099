"""Copies to keep: a session as Markdown, HTML or JSON lines, the audit log as CSV or JSON lines. Sent while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from sessions_app.runtime import writers
from sessions_app.selectors.export import audit_export, session_export
from sessions_app.services.reading import session_export_record
from sessions_app.values import Call, Command, Json, Trigger
from sessions_app.web.audit import audit_filters
from sessions_app.web.documents import session_html
from sessions_app.web.formats import audit_csv, file_name, json_lines, session_json_lines, session_markdown
from sessions_app.web.request import HtmxHttpRequest, actor_of
from sessions_app.web.streams import download, streamed


@require_GET
def session_as_markdown(request: HtmxHttpRequest, session: UUID) -> StreamingHttpResponse:
    """A session to read."""
    facts, entries = _export(request, session, "Markdown")
    name = file_name(facts["sessionKey"], facts["sessionId"][:8], ending="md")
    return download(request, session_markdown(facts, entries), name=name, content_type="text/markdown")


@require_GET
def session_as_json_lines(request: HtmxHttpRequest, session: UUID) -> StreamingHttpResponse:
    """A session for programs."""
    facts, entries = _export(request, session, "JSON lines")
    name = file_name(facts["sessionKey"], facts["sessionId"][:8], ending="jsonl")
    return download(request, session_json_lines(facts, entries), name=name, content_type="application/jsonl")


@require_GET
def session_as_html(request: HtmxHttpRequest, session: UUID) -> StreamingHttpResponse:
    """A session to read without Holdfast: one file with all it needs."""
    facts, entries = _export(request, session, "HTML")
    name = file_name(facts["sessionKey"], facts["sessionId"][:8], ending="html")
    pieces = session_html(facts, entries, by=actor_of(request).label, is_file=True)
    return download(request, pieces, name=name, content_type="text/html")


@require_GET
def session_print(request: HtmxHttpRequest, session: UUID) -> StreamingHttpResponse:
    """The whole of a session on one page, to print."""
    facts, entries = _export(request, session, "print")
    pieces = session_html(facts, entries, by=actor_of(request).label, is_file=False)
    return streamed(request, pieces, content_type="text/html")


def _export(request: HtmxHttpRequest, session: UUID, form: str) -> tuple[Json, Iterator[Json]]:
    """A session to be sent, once it is written down that it leaves. A link sends no request id: each time is another copy."""
    actor = actor_of(request)
    found = session_export(actor, session_id=session)
    call = Call(actor, Trigger.UI_BUTTON)
    writers.current().call(Command(session_export_record, call, {"session_id": session, "form": form}))
    return found


@require_GET
def audit_as_csv(request: HtmxHttpRequest) -> StreamingHttpResponse:
    """The audit log for a spreadsheet, with the filters of the page."""
    events = audit_export(actor_of(request), **audit_filters(request))
    return download(request, audit_csv(events), name=_audit_name("csv"), content_type="text/csv")


@require_GET
def audit_as_json_lines(request: HtmxHttpRequest) -> StreamingHttpResponse:
    """The audit log for programs, with the filters of the page."""
    events = audit_export(actor_of(request), **audit_filters(request))
    return download(request, json_lines(events), name=_audit_name("jsonl"), content_type="application/jsonl")


def _audit_name(ending: str) -> str:
    return file_name("audit", f"{timezone.now():%Y%m%d-%H%M%S}", ending=ending)
