"""Archives, and what a restore would bring back: preview of an archived session or of a checkpoint."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions_app.selectors.archives import archive_list, archive_preview
from sessions_app.selectors.checkpoints import checkpoint_list, checkpoint_preview
from sessions_app.selectors.compare import archive_compare
from sessions_app.selectors.conversations import conversation_get
from sessions_app.selectors.sessions import session_get
from sessions_app.selectors.transcript import history
from sessions_app.values import Json
from sessions_app.web.chat import PAGE_ENTRIES
from sessions_app.web.conversation_groups import conversation_groups
from sessions_app.web.entries import shown_entries
from sessions_app.web.forms import ArchiveFilter
from sessions_app.web.request import HtmxHttpRequest, actor_of, number_of
from sessions_app.web.tables import chips, cursor_of, pager


@require_GET
def archives(request: HtmxHttpRequest) -> HttpResponse:
    """All archived sessions one may see, newest first."""
    form = ArchiveFilter(request.GET)
    given = form.given()
    found = archive_list(
        actor_of(request),
        session_key=given.get("key", ""),
        query=given.get("q", ""),
        trigger=given.get("trigger", ""),
        archived_by=given.get("by", ""),
        cursor=cursor_of(request),
    )
    rows = found["archives"]
    context = {"rows": rows, "form": form, "chips": chips(request, form), "pager": pager(request, found["nextCursor"])}
    return render(request, "archives.html", context)


@require_GET
def archive_previewing(request: HtmxHttpRequest, key: str, session: UUID) -> HttpResponse:
    """An archived session, read only, and what a restore changes."""
    preview = archive_preview(actor_of(request), session_key=key, session_id=session)
    return _preview(request, key, preview, until=None)


@require_GET
def checkpoint_previewing(request: HtmxHttpRequest, key: str, checkpoint: UUID) -> HttpResponse:
    """A session up to a checkpoint, read only, and what a restore changes."""
    actor = actor_of(request)
    preview = checkpoint_preview(actor, session_key=key, checkpoint_id=checkpoint)
    marks = checkpoint_list(actor, session_key=key)["checkpoints"]
    label = next((mark["label"] for mark in marks if mark["checkpointId"] == preview["checkpointId"]), "")
    return _preview(request, key, {**preview, "label": label}, until=preview["seq"])


@require_GET
def archive_comparing(request: HtmxHttpRequest, key: str, session: UUID) -> HttpResponse:
    """A session beside the current one: what both have, and what only one of them has. `upto` compares it up to a checkpoint."""
    actor = actor_of(request)
    up_to = number_of(request.GET.get("upto"))
    row = conversation_get(actor, session_key=key)
    context = {
        "compared": archive_compare(actor, session_key=key, session_id=session, up_to=up_to),
        "up_to": up_to,
        "row": row,
        "session": session_get(actor, session_id=session),
        "viewed": str(session),
    }
    return render(request, "compare.html", context)


def _preview(request: HtmxHttpRequest, key: str, preview: Json, *, until: int | None) -> HttpResponse:
    actor = actor_of(request)
    session_id = UUID(preview["sessionId"])
    before = number_of(request.GET.get("before")) or (until + 1 if until else None)
    page = history(actor, session_key=key, session_id=session_id, before_seq=before, limit=PAGE_ENTRIES)
    row = conversation_get(actor, session_key=key)
    context = {
        "preview": preview,
        "row": row,
        "page": page,
        "entries": shown_entries(page["entries"]),
        "viewed": preview["sessionId"],
        "session": session_get(actor, session_id=session_id),
        "compared": archive_compare(actor, session_key=key, session_id=session_id, up_to=until),
        "groups": conversation_groups(actor, current=row),
        "read_only": True,
    }
    return render(request, "preview.html", context)
