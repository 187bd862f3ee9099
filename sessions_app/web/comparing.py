"""Any two positions of any two sessions, side by side."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sessions_app.agents.base import BYTES_PER_TOKEN, estimate_tokens
from sessions_app.errors import ForbiddenError
from sessions_app.selectors.compare import positions_compare
from sessions_app.selectors.context import context_messages
from sessions_app.selectors.sessions import session_get
from sessions_app.values import Json
from sessions_app.web.request import HtmxHttpRequest, actor_of, number_of, uuid_of

CONTEXT_MAX_TOKENS = 200_000  # enough of it is read to tell sizes apart


@require_GET
def comparing(request: HtmxHttpRequest) -> HttpResponse:
    """`one` and `other` are session ids, `at` and `other_at` positions; without `other` the session that is current beside it."""
    actor, asked = actor_of(request), request.GET
    one = uuid_of(asked.get("one", "").strip(), "one")
    session = session_get(actor, session_id=one)
    other = uuid_of(asked.get("other", "").strip() or session["currentSessionId"], "other")
    compared = positions_compare(
        actor,
        session_id=one,
        other_id=other,
        seq=number_of(asked.get("at")),
        other_seq=number_of(asked.get("other_at")),
    )
    sides = [
        {"name": "A", "side": compared["one"], "part": compared["onlyOne"], "context": _context(compared["one"])},
        {"name": "B", "side": compared["two"], "part": compared["onlyTwo"], "context": _context(compared["two"])},
    ]
    context = {"compared": compared, "sides": sides, "session": session, "row": {"owner": session["owner"]}}
    return render(request, "compare_any.html", context)


def _context(side: Json) -> Json | None:
    """What a model would be shown after that position, with the answer to the newest question: {messages, characters, tokens, isMore}; None when it is damaged."""
    budget = CONTEXT_MAX_TOKENS * BYTES_PER_TOKEN
    try:
        shown, older = context_messages(UUID(side["sessionId"]), side["seq"], max_bytes=budget, continues=True)
    except ForbiddenError:
        return None  # a damaged session is not shown to a model
    return {
        "messages": len(shown),
        "characters": sum(len(entry.text) for entry in shown),
        "tokens": sum(estimate_tokens(entry.text) for entry in shown),
        "isMore": older > 0,
    }
