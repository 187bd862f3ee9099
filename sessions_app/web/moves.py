"""Forms that move a conversation to another session: reset with its dialog, restore, checkpoints, branches.

Each answers with the conversation as it is then, and with an Undo where there is one. A restore that meets a running answer
asks: wait for it, or stop it and keep what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from sessions_app.errors import (
    ConfirmationRequiredError,
    ConfirmationStaleError,
    ConversationLockedError,
    HoldfastError,
    InvalidParamsError,
    RunInFlightError,
)
from sessions_app.selectors.archives import UNCHANGED
from sessions_app.selectors.conversations import conversation_get
from sessions_app.services.branches import checkpoint_branch, position_branch
from sessions_app.services.checkpoints import checkpoint_create, checkpoint_rename
from sessions_app.services.conversations import conversation_create
from sessions_app.services.reset import reset_preview, session_reset
from sessions_app.services.restore import archive_restore, checkpoint_restore, position_restore
from sessions_app.values import REASON_MAX_CHARS, Json
from sessions_app.web.chat import chat_url
from sessions_app.web.drafts import message_of_person
from sessions_app.web.request import HtmxHttpRequest, actor_of, done, go, number_of, toast, uuid_of, write

ASK_AGAIN = (ConfirmationRequiredError, ConfirmationStaleError, RunInFlightError, ConversationLockedError)


@require_http_methods(["GET", "POST"])
def chat_reset(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """GET: what a reset would do, with the token that confirms it. POST: do it."""
    if request.method == "GET":
        return _reset_dialog(request, key)
    form = request.POST
    try:
        answer = write(
            request,
            session_reset,
            session_key=key,
            session_id=uuid_of(form.get("session_id"), "session_id"),
            confirmation=form.get("confirmation", ""),
            reason=form.get("reason", "").strip(),
            stop_run=form.get("run") == "stop",
            command_text=form.get("command_text", ""),
            typed_key=form.get("typed_key", ""),
        )
    except ASK_AGAIN as error:
        return _reset_dialog(request, key, error)
    toast(
        request,
        f"New session {answer['newSessionId'][:8]}. {answer['oldSessionId'][:8]} is archived.",
        undo=_undo(key, back=answer["oldSessionId"], now=answer["newSessionId"]),
    )
    return go(request, chat_url(key))


def _reset_dialog(request: HtmxHttpRequest, key: str, error: HoldfastError | None = None) -> HttpResponse:
    actor = actor_of(request)
    given = request.POST if request.method == "POST" else request.GET
    context = {
        "preview": reset_preview(actor, session_key=key),
        "row": conversation_get(actor, session_key=key),
        "error": error,
        "reason": given.get("reason", ""),
        "reason_max": REASON_MAX_CHARS,
        "command_text": given.get("command_text", ""),
        "run_choice": given.get("run", "wait"),
        "typed_key": given.get("typed_key", ""),
    }
    response = render(request, "_reset.html" if request.htmx else "reset.html", context, status=409 if error else 200)
    if error and request.htmx:
        response["HX-Retarget"] = "#ask"
        response["HX-Reswap"] = "innerHTML"
    return response


@require_POST
def restore(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Make an archived session current again."""
    session_id = uuid_of(request.POST.get("session_id"), "session_id")
    return _restore(request, key, f"restore/{session_id}", archive_restore, session_id=session_id)


@require_POST
def checkpoint_restoring(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Continue the conversation from a checkpoint."""
    checkpoint_id = uuid_of(request.POST.get("checkpoint_id"), "checkpoint_id")
    return _restore(request, key, f"restore/{checkpoint_id}", checkpoint_restore, checkpoint_id=checkpoint_id)


@require_POST
def position_restoring(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Continue the conversation from one entry of a session."""
    session_id, seq = _position(request)
    suffix = f"restore/{session_id.hex}/{seq}"
    return _restore(request, key, suffix, position_restore, session_id=session_id, seq=seq)


def _restore(request: HtmxHttpRequest, key: str, suffix: str, verb: Callable[..., Any], **target: Any) -> HttpResponse:
    stop_run = request.POST.get("run") == "stop"
    try:
        answer: Json = write(
            request,
            verb,
            suffix=f"{suffix}/stop" if stop_run else suffix,
            session_key=key,
            expected_current_session_id=uuid_of(
                request.POST.get("expected_current_session_id"), "expected_current_session_id"
            ),
            reason=request.POST.get("reason", "").strip(),
            stop_run=stop_run,
            typed_key=request.POST.get("typed_key", ""),
            **target,
        )
    except (RunInFlightError, ConversationLockedError) as error:
        return _restore_ask(request, key, error, target)
    text = f"Restored {answer['newSessionId'][:8]}. {answer['oldSessionId'][:8]} stepped aside, it is in the archive."
    toast(request, text, undo=_undo(key, back=answer["undo"]["sessionId"], now=answer["newSessionId"]))
    return go(request, chat_url(key))


def _restore_ask(request: HtmxHttpRequest, key: str, error: HoldfastError, target: dict[str, Any]) -> HttpResponse:
    context = {
        "row": conversation_get(actor_of(request), session_key=key),
        "error": error,
        "target": target,
        "action": request.path,
        "expected": request.POST.get("expected_current_session_id", ""),
        "unchanged": UNCHANGED,
        "is_locked": isinstance(error, ConversationLockedError),
        "stops": request.POST.get("run") == "stop",
        "typed_key": request.POST.get("typed_key", ""),
        "reason": request.POST.get("reason", ""),
    }
    response = render(request, "_restore_ask.html" if request.htmx else "restore_ask.html", context, status=409)
    if request.htmx:
        response["HX-Retarget"] = "#ask"
        response["HX-Reswap"] = "innerHTML"
    return response


@require_POST
def checkpoint_creating(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Bookmark the newest entry, or the one named by `seq`."""
    session_id, label = uuid_of(request.POST.get("session_id"), "session_id"), request.POST.get("label", "").strip()
    seq = number_of(request.POST.get("seq"))
    made = write(
        request,
        checkpoint_create,
        suffix=f"mark/{seq or ''}",
        session_key=key,
        session_id=session_id,
        seq=seq,
        label=label,
    )
    text = f"Checkpoint “{made['label']}” made." if made.get("label") else f"Checkpoint made at {made['seq']:,}."
    return done(request, chat_url(key), text, events={"holdfast:timeline": {}, "holdfast:close": {}})


@require_POST
def checkpoint_renaming(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Give a checkpoint another label."""
    checkpoint_id, label = (
        uuid_of(request.POST.get("checkpoint_id"), "checkpoint_id"),
        request.POST.get("label", "").strip(),
    )
    write(
        request,
        checkpoint_rename,
        suffix=f"name/{checkpoint_id}",
        session_key=key,
        checkpoint_id=checkpoint_id,
        label=label,
    )
    return done(request, chat_url(key), "Checkpoint renamed.", events={"holdfast:timeline": {}})


@require_POST
def checkpoint_branching(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Start another conversation from a checkpoint."""
    checkpoint_id = uuid_of(request.POST.get("checkpoint_id"), "checkpoint_id")
    made = write(
        request, checkpoint_branch, suffix=f"branch/{checkpoint_id}", session_key=key, checkpoint_id=checkpoint_id
    )
    return _branched(request, made)


@require_POST
def position_branching(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Start another conversation from one entry of a session."""
    session_id, seq = _position(request)
    suffix = f"branch/{session_id.hex}/{seq}"
    return _branched(
        request, write(request, position_branch, suffix=suffix, session_key=key, session_id=session_id, seq=seq)
    )


@require_POST
def message_editing(request: HtmxHttpRequest, key: str) -> HttpResponse:
    """Edit and resend: branch before a message of a person, and open the branch with its text in the composer."""
    session_id = uuid_of(request.POST.get("session_id"), "session_id")
    seq = number_of(request.POST.get("seq")) or 0
    entry = message_of_person(actor_of(request), key, str(session_id), seq)
    if entry is None:
        raise InvalidParamsError("Only a message of a person can be edited and sent again.", field="seq")
    suffix = f"edit/{session_id.hex}/{seq}"
    if seq > 1:
        made = write(request, position_branch, suffix=suffix, session_key=key, session_id=session_id, seq=seq - 1)
    else:  # nothing comes before it, so there is nothing to share
        made = write(request, conversation_create, suffix=suffix)
    toast(request, "Change the message and send it. The conversation it came from is as it was.")
    origin = urlencode({"edit_key": key, "edit_session": str(session_id), "edit_seq": seq})
    return go(request, f"{chat_url(made['sessionKey'])}?{origin}")


def _branched(request: HtmxHttpRequest, made: Json) -> HttpResponse:
    toast(request, f"Branched into {made['sessionKey']}. The conversation it came from is as it was.")
    return go(request, chat_url(made["sessionKey"]))


def _position(request: HtmxHttpRequest) -> tuple[UUID, int]:
    return uuid_of(request.POST.get("session_id"), "session_id"), number_of(request.POST.get("seq")) or 0


def _undo(key: str, *, back: str, now: str) -> dict[str, str]:
    return {"sessionKey": key, "sessionId": back, "expectedCurrentSessionId": now}
