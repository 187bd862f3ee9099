"""Refusals as pages: one table from error code to HTTP status and words about what is safe and what to do.

A person reads what happened (the error's own sentence), what is safe and what can be done now; codes stay small print.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from sessions_app.errors import ErrorCode, HoldfastError, InternalError, NotFoundError
from sessions_app.logs import error_logged
from sessions_app.runtime.metrics import refusal_counted
from sessions_app.web.reading import reason_asked
from sessions_app.web.request import HtmxHttpRequest

log = logging.getLogger(__name__)

UNTOUCHED = "Nothing was changed."


@dataclass(frozen=True, slots=True)
class Page:
    """How a refusal looks: HTTP status, headline, what is safe, what to do."""

    status: int
    title: str
    safe: str = UNTOUCHED
    todo: str = "Go back and try again."


PAGES: dict[ErrorCode, Page] = {
    ErrorCode.INVALID_FRAME: Page(400, "This was not understood"),
    ErrorCode.INVALID_PARAMS: Page(
        400, "Something in the form does not fit", todo="Go back, mend it and send it again."
    ),
    ErrorCode.UNKNOWN_METHOD: Page(404, "There is no such action"),
    ErrorCode.UNAUTHENTICATED: Page(401, "Sign in first", todo="Sign in, then come back."),
    ErrorCode.FORBIDDEN: Page(
        403, "You may not do this", todo="Ask the owner of the conversation, or an administrator."
    ),
    ErrorCode.NOT_FOUND: Page(
        404,
        "There is nothing here",
        safe="Nothing is lost: sessions are never deleted by a reset.",
        todo="Look for it in Sessions or in Archives.",
    ),
    ErrorCode.SESSION_MOVED: Page(
        409,
        "The conversation moved on",
        safe="Nothing was written, and both sessions are kept.",
        todo="Look at the conversation as it is now, then decide again.",
    ),
    ErrorCode.SESSION_CONTROL_REQUIRED: Page(
        422,
        "Text does not start sessions",
        safe="Your text was not sent.",
        todo="Use New session, which asks first and keeps everything.",
    ),
    ErrorCode.CONFIRMATION_REQUIRED: Page(
        409, "This needs your confirmation", todo="Read what will happen, then confirm."
    ),
    ErrorCode.CONFIRMATION_STALE: Page(409, "Please look once more", todo="Read what will happen now, then confirm."),
    ErrorCode.REASON_REQUIRED: Page(
        428, "Say why you read this", todo="Open the page itself and give a reason; it is asked once an hour."
    ),
    ErrorCode.CONVERSATION_LOCKED: Page(
        423, "This conversation is locked", todo="Type its key and give a reason, or unlock it first."
    ),
    ErrorCode.RUN_IN_FLIGHT: Page(
        409,
        "An answer is still running",
        safe="Nothing was changed and the answer goes on.",
        todo="Wait for it, or stop it and keep what is there.",
    ),
    ErrorCode.QUEUE_FULL: Page(429, "Many messages are waiting", todo="Send again when some are answered."),
    ErrorCode.REQUEST_CONFLICT: Page(409, "This form was already used", todo="Load the page again and repeat."),
    ErrorCode.RATE_LIMITED: Page(429, "A little too fast", todo="Wait a moment and try again."),
    ErrorCode.TOO_LARGE: Page(413, "This is too large", todo="Make it shorter, or send it in parts."),
    ErrorCode.DRAINING: Page(
        503, "Restarting, back in a moment", safe="Nothing was lost.", todo="Try again in a few seconds."
    ),
    ErrorCode.STORAGE_UNAVAILABLE: Page(503, "The disk did not take this", todo="Try again, and tell the operator."),
    ErrorCode.AGENT_FAILED: Page(502, "The agent could not answer", todo="Try again later."),
    ErrorCode.TEXT_INVALID: Page(
        422, "This text cannot be stored", safe="It was not sent.", todo="Remove the broken characters."
    ),
    ErrorCode.INTERNAL: Page(
        500, "Something went wrong on our side", todo="Try again. If it stays, tell the operator the id below."
    ),
}


class HoldfastErrorMiddleware:
    """Turn a refusal raised by a view into a page, or into a notice when htmx asked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on; only exceptions concern us."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer refusals; anything else is Django's."""
        if not isinstance(exception, HoldfastError):
            return None
        if exception.code is ErrorCode.UNAUTHENTICATED and not getattr(request, "htmx", None):
            return redirect("signin")
        if exception.code is ErrorCode.REASON_REQUIRED:
            refusal_counted(exception)
            return reason_asked(cast(HtmxHttpRequest, request), exception)
        return error_response(request, exception)


def error_response(request: HttpRequest, error: HoldfastError) -> HttpResponse:
    """A refusal as a page, or as a notice that the page's script shows."""
    page = PAGES[error.code]
    refusal_counted(error)
    error_id = ""
    if error.code is ErrorCode.INTERNAL:
        error_id = error.details.get("errorId") or error_logged(log, str(request.path), error)
    context: dict[str, Any] = {"page": page, "error": error, "error_id": error_id}
    htmx = getattr(cast(HtmxHttpRequest, request), "htmx", None)
    response = render(request, "_error.html" if htmx else "error.html", context, status=page.status)
    if htmx:
        response["HX-Retarget"] = "#toasts"
        response["HX-Reswap"] = "beforeend"
    if error.retryable:
        response["Retry-After"] = "2"
    return response


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 404 in our words."""
    return error_response(request, NotFoundError("There is no page at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's 500 in our words; Django calls this where the exception is still at hand."""
    error = InternalError()
    error.__cause__ = sys.exc_info()[1]
    return error_response(request, error)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from one of our pages, or from one that was open across a sign-in."""
    page = Page(403, "This form is too old", todo="Load the page again and repeat.")
    htmx = getattr(cast(HtmxHttpRequest, request), "htmx", None)
    error = HoldfastError("The page was open while you signed in or out, so its form is no longer good.")
    response = render(request, "_error.html" if htmx else "error.html", {"page": page, "error": error}, status=403)
    if htmx:
        response["HX-Retarget"] = "#toasts"
        response["HX-Reswap"] = "beforeend"
    return response
