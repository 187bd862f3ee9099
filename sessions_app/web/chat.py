"""The chat page and its parts: transcript, conversation list, timeline. Reads only; `moves` and `turns` hold the forms."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from sessions_app.errors import NotFoundError
from sessions_app.selectors.conversations import conversation_get, conversation_list
from sessions_app.selectors.events import events_since
from sessions_app.selectors.timeline import timeline
from sessions_app.selectors.transcript import history
from sessions_app.values import LABEL_MAX_CHARS, TEXT_MAX_BYTES, TITLE_MAX_CHARS, Actor, Json
from sessions_app.web.conversation_groups import conversation_groups
from sessions_app.web.drafts import draft_to_edit
from sessions_app.web.entries import shown_entries
from sessions_app.web.request import HtmxHttpRequest, actor_of, number_of, uuid_of

PAGE_ENTRIES = 50


@require_GET
def home(request: HtmxHttpRequest) -> HttpResponse:
    """The conversation one was last in."""
    mine = conversation_list(actor_of(request), limit=1, mine=True)["sessions"]
    if mine:
        return redirect("chat", key=mine[0]["sessionKey"])
    return render(request, "welcome.html", {"groups": conversation_groups(actor_of(request))})


@require_GET
def chat(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """One conversation: its current transcript, the list at the left, the timeline at the right."""
    actor = actor_of(request)
    # The cursor is read before the rows: whatever comes in between is replayed, never missed.
    head = events_since(actor, session_key=key)
    row = conversation_get(actor, session_key=key)
    before = number_of(request.GET.get("before"))
    page = history(actor, session_key=key, before_seq=before, limit=PAGE_ENTRIES)
    context = {
        "row": row,
        "page": page,
        "entries": shown_entries(page["entries"]),
        "cursor": head["lastEvent"],
        "before": before,
        "timeline": _timeline(actor, key, ""),
        "groups": conversation_groups(actor, current=row),
        "viewed": page["sessionId"],
        "draft": draft_to_edit(request),
        "limits": {"text": TEXT_MAX_BYTES, "title": TITLE_MAX_CHARS, "label": LABEL_MAX_CHARS},
    }
    return render(request, "chat.html", context)


@require_GET
def chat_entries(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """A piece of a transcript as HTML: older ones by `before`, newer ones by `after`."""
    wanted = request.GET.get("session")
    session_id = uuid_of(wanted, "session") if wanted else None
    before, after = number_of(request.GET.get("before")), number_of(request.GET.get("after"))
    actor = actor_of(request)
    page = history(
        actor, session_key=key, session_id=session_id, before_seq=before, after_seq=after, limit=PAGE_ENTRIES
    )
    context = {
        "row": conversation_get(actor, session_key=key),
        "page": page,
        "entries": shown_entries(page["entries"]),
        "viewed": page["sessionId"],
        "is_newer": after is not None,
        "read_only": not page["isCurrent"],
    }
    return render(request, "_entries.html", context)


@require_GET
def entry_text(request: HtmxHttpRequest, key: str, session: uuid.UUID, seq: int) -> HttpResponse:
    """The text of one entry, byte for byte as it is stored."""
    page = history(actor_of(request), session_key=key, session_id=session, after_seq=seq - 1, limit=1)
    found = [entry for entry in page["entries"] if entry["seq"] == seq]
    if not found:
        raise NotFoundError("There is no such message.")
    return HttpResponse(found[0]["text"], content_type="text/plain; charset=utf-8")


@require_GET
def chat_list(request: HtmxHttpRequest) -> HttpResponse:
    """The conversation list, searched."""
    query = request.GET.get("q", "").strip()[:200]
    current = {"sessionKey": request.GET.get("current", "")}
    groups = conversation_groups(actor_of(request), query=query, current=current)
    if not request.htmx:
        return render(request, "welcome.html", {"groups": groups, "query": query})
    return render(request, "_conversation_list.html", {"groups": groups, "query": query, "row": current})


@require_GET
def chat_timeline(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Sessions and checkpoints of one key, newest first; `cursor` for older ones."""
    actor = actor_of(request)
    context = {
        "timeline": _timeline(actor, key, request.GET.get("cursor", "")),
        "row": conversation_get(actor, session_key=key),
        "is_more": "cursor" in request.GET,
    }
    return render(request, "_timeline.html", context)


def _timeline(actor: Actor, key: str, cursor: str) -> Json:
    """The timeline, with the session a person most likely wants back marked: its Restore is a button, the others are links."""
    found = timeline(actor, session_key=key, cursor=cursor)
    archived = [item for item in found["items"] if item["type"] == "session" and not item["isCurrent"]]
    if archived and not cursor:
        max(archived, key=lambda item: item["endedAt"] or "")["isPrevious"] = True
    return found


def chat_url(key: str) -> str:
    """The address of a conversation."""
    return reverse("chat", kwargs={"key": key})
