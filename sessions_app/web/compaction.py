"""The form that lets the agent summarise the older messages of a conversation."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from sessions_app.runtime.compacted import compacted
from sessions_app.runtime.compaction import Wanted
from sessions_app.values import Call, Trigger
from sessions_app.web.chat import chat_url
from sessions_app.web.request import HtmxHttpRequest, actor_of, done, request_id_of, uuid_of


@require_POST
def compacting(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Wait for the agent's summary and store it; the page shows it as a folded card."""
    session_id = uuid_of(request.POST.get("session_id"), "session_id")
    call = Call(actor_of(request), Trigger.UI_BUTTON, request_id_of(request, "compact"))
    made = compacted(Wanted(call, key, session_id))
    words = f"Entries 1 to {made['coversSeq']:,} are summarised for the agent. They stay here, and stay readable."
    return done(request, chat_url(key), words, events={"holdfast:entries": {}, "holdfast:timeline": {}})
