"""What every view does first and last: name the actor, call the writer, answer a form with or without htmx."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from sessions_app.access import actor_for_user
from sessions_app.errors import InvalidParamsError
from sessions_app.models import User
from sessions_app.runtime import writers
from sessions_app.values import REQUEST_ID_MAX_CHARS, Actor, Call, Command, Json, Trigger, Verb


class HtmxHttpRequest(HttpRequest):
    """A request of a signed-in person, with what htmx says about it."""

    htmx: HtmxDetails
    user: User


def actor_of(request: HtmxHttpRequest) -> Actor:
    """Who asks."""
    return actor_for_user(request.user)


def write(request: HtmxHttpRequest, verb: Verb, *, suffix: str = "", **params: Any) -> Json:
    """Send one verb through the writer and wait for its answer.

    Args:
        request: its form carries `request_id`; a typed command (`command_text`) makes the trigger `slash-command`.
        verb: what to do.
        suffix: what tells apart the buttons that share one form, and so one request id.
        params: the verb's own parameters.

    Raises:
        HoldfastError: whatever the verb refuses with.
    """
    trigger = Trigger.SLASH_COMMAND if request.POST.get("command_text") else Trigger.UI_BUTTON
    call = Call(actor=actor_of(request), trigger=trigger, request_id=request_id_of(request, suffix))
    return writers.current().call(Command(verb=verb, call=call, params=params))


def request_id_of(request: HttpRequest, suffix: str = "") -> str:
    """The id a form carries, so that pressing twice is one change.

    Raises:
        InvalidParamsError: it carries none, or one that is too long.
    """
    given = request.POST.get("request_id", "").strip()
    if not given:
        raise InvalidParamsError(
            "This form carries no request id. Load the page again and repeat; nothing was changed."
        )
    whole = f"{given}/{suffix}" if suffix else given
    if len(whole) > REQUEST_ID_MAX_CHARS:
        raise InvalidParamsError("This form's request id is too long. Load the page again; nothing was changed.")
    return whole


def go(request: HtmxHttpRequest, url: str) -> HttpResponse:
    """Lead the browser to another page after a form: a redirect, said in htmx's words when htmx asked."""
    if request.htmx:
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url, status=303)


def done(
    request: HtmxHttpRequest, url: str, text: str = "", *, events: Mapping[str, Any] | None = None
) -> HttpResponse:
    """Answer a form whose page need not be left: a toast and client events for htmx, message and redirect without.

    Args:
        request: what came.
        url: where to go without htmx.
        text: what to say.
        events: names and details of events the page's script listens to.
    """
    if not request.htmx:
        if text:
            messages.success(request, text)
        return HttpResponseRedirect(back_to(request, url), status=303)
    response = HttpResponse(status=204)
    toast: dict[str, Any] = {"toast": {"text": text}} if text else {}
    response["HX-Trigger"] = json.dumps({**toast, **(events or {})})
    return response


def toast(request: HttpRequest, text: str, *, undo: Mapping[str, str] | None = None) -> None:
    """Keep words for the next page, with an Undo when there is one.

    Args:
        request: what came.
        text: what happened.
        undo: `sessionKey`, `sessionId` to bring back and `expectedCurrentSessionId`.
    """
    messages.success(request, text, extra_tags=json.dumps({"undo": dict(undo)}) if undo else "")


def back_to(request: HttpRequest, otherwise: str) -> str:
    """The page the form stood on, when it says so and is ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return wanted
    return otherwise


def uuid_of(given: str | None, field: str) -> uuid.UUID:
    """An id a form or a URL brought.

    Raises:
        InvalidParamsError: it is none.
    """
    try:
        return uuid.UUID(given or "")
    except ValueError as error:
        raise InvalidParamsError("This is no id. Load the page again; nothing was changed.", field=field) from error


def number_of(given: str | None) -> int | None:
    """A position a URL brought; None when it is missing or no number."""
    return int(given) if given and given.isascii() and given.isdigit() and len(given) < 19 else None
