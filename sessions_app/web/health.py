"""For those who watch the server: does it answer, should it be given work, what does it count."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from sessions_app.errors import ForbiddenError, UnauthenticatedError
from sessions_app.runtime.readiness import not_ready_reasons
from sessions_app.runtime.status import metrics_text
from sessions_app.selectors.people import token_actor
from sessions_app.values import Actor
from sessions_app.web.request import HtmxHttpRequest, actor_of


@login_not_required
@never_cache
@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is looked at."""
    del request
    return JsonResponse({"live": True})


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when this server should be given work; else 503, and why."""
    del request
    reasons = not_ready_reasons()
    return JsonResponse({"ready": not reasons, "reasons": reasons}, status=503 if reasons else 200)


@login_not_required  # it asks by itself: a scraper brings a token, and follows no redirect to a form
@never_cache
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers, for who may manage the server: by a token of scope admin, or signed in."""
    try:
        text = metrics_text(_asking(request))
    except (ForbiddenError, UnauthenticatedError) as error:
        is_known = isinstance(error, ForbiddenError)
        headers = {} if is_known else {"WWW-Authenticate": "Bearer"}
        return HttpResponse(
            f"{error.message}\n", content_type="text/plain", status=403 if is_known else 401, headers=headers
        )
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


def _asking(request: HttpRequest) -> Actor:
    """Who asks.

    Raises:
        UnauthenticatedError: nobody, or with a token that is not good.
    """
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token_actor(secret.strip())
    if not request.user.is_authenticated:
        raise UnauthenticatedError
    return actor_of(cast(HtmxHttpRequest, request))
