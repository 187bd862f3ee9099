"""A request id for every HTTP request: in its answer, and in every line that is logged meanwhile."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
_GOOD_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class RequestLogMiddleware:
    """Name the request, and write one line about it at INFO. A proxy of ours may bring the name; nobody else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """One request."""
        request_id = _given(request) or uuid.uuid4().hex[:16]
        clear_contextvars()  # the thread served somebody else before
        bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        response = self.get_response(request)
        response[HEADER] = request_id
        taken_ms = (time.perf_counter() - started) * 1000
        logger.info("%s %s %d in %.0f ms", request.method, request.path, response.status_code, taken_ms)
        return response

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> None:
        """Who asks, where somebody must be signed in; public pages need not look that up."""
        if getattr(view, "login_required", True) and request.user.is_authenticated:
            bind_contextvars(actor=f"user:{request.user.pk}")


def _given(request: HttpRequest) -> str:
    """The name a trusted proxy gave the request."""
    given = request.headers.get(HEADER, "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return given if _GOOD_ID.fullmatch(given) else ""
