"""Forms of a conversation that do not move it: send (without script), stop, retry, create, rename, pin, lock."""

from __future__ import annotations

import json

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from sessions_app.services.conversations import conversation_create, conversation_patch
from sessions_app.services.turn_control import run_abort, turn_retry
from sessions_app.services.turns import turn_submit
from sessions_app.values import CONTROL_TEXT
from sessions_app.web.chat import chat_url
from sessions_app.web.request import HtmxHttpRequest, done, go, toast, uuid_of, write


@require_POST
def chat_send(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Send a message without the page's script. A typed `/new` leads to the dialog, as it does with it."""
    # A form turns every line end into CR LF; what was typed has LF.
    message = request.POST.get("message", "").replace("\r\n", "\n")
    if CONTROL_TEXT.match(message):
        return redirect(f"{chat_url(key)}reset/")
    session_id = uuid_of(request.POST.get("session_id"), "session_id")
    write(request, turn_submit, session_key=key, session_id=session_id, message=message)
    return go(request, f"{chat_url(key)}#end")


@require_POST
def run_stopping(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Stop a running answer and keep what is there, or withdraw a queued one."""
    run_id = uuid_of(request.POST.get("run_id"), "run_id")
    write(request, run_abort, suffix=f"stop/{run_id}", session_key=key, run_id=run_id)
    return done(request, chat_url(key), events={"holdfast:entries": {}})


@require_POST
def run_retrying(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Ask the agent once more for the same message: anew, or (`continues`) from where its answer was cut off."""
    run_id = uuid_of(request.POST.get("run_id"), "run_id")
    session_id = uuid_of(request.POST.get("session_id"), "session_id")
    continues = request.POST.get("continues") == "true"
    suffix = f"{'continue' if continues else 'retry'}/{run_id}"
    write(
        request,
        turn_retry,
        suffix=suffix,
        session_key=key,
        session_id=session_id,
        run_id=run_id,
        continues=continues,
    )
    return done(request, chat_url(key), events={"holdfast:entries": {}})


@require_POST
def chat_new(request: HtmxHttpRequest) -> HttpResponse:
    """Create a conversation and open it."""
    made = write(request, conversation_create, title=request.POST.get("title", "").strip())
    return go(request, chat_url(made["sessionKey"]))


@require_POST
def conversation_patching(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Rename, pin or lock a conversation; what the form does not name stays."""
    form = request.POST
    changes: dict[str, str | bool] = {}
    if "title" in form:
        changes["title"] = form["title"].strip()
    changes.update({name: form[name] == "true" for name in ("pinned", "locked") if name in form})
    write(request, conversation_patch, suffix=json.dumps(changes)[:60], session_key=key, **changes)
    if "stay" in form:  # the page hears of the new title by its socket
        return done(request, chat_url(key), events={"holdfast:list": {}})
    toast(request, "Saved.")
    return go(request, chat_url(key))
