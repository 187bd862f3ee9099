"""The same methods over HTTP: `POST /rpc/<method>`, with a bearer token, or with the login cookie and a CSRF token."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from structlog.contextvars import bind_contextvars

from sessions_app import access
from sessions_app.errors import (
    ForbiddenError,
    InvalidFrameError,
    TooLargeError,
    UnauthenticatedError,
    UnknownMethodError,
)
from sessions_app.gateway.errors import HTTP_STATUS, as_holdfast, error_json
from sessions_app.gateway.methods import method_named, params_parse
from sessions_app.gateway.protocol import json_parse
from sessions_app.gateway.rate import rate_check
from sessions_app.runtime import writers
from sessions_app.runtime.compacted import compacted
from sessions_app.runtime.seen import seen_command
from sessions_app.selectors.people import token_actor
from sessions_app.values import Actor, Json


@csrf_exempt  # checked in `_actor`, for cookies only: a bearer token is no ambient authority
@login_not_required
@require_POST
def rpc(request: HttpRequest, method: str) -> HttpResponse:
    """Answer one call: the body is the params object, the answer {ok, payload} or {ok, error} as in a frame."""
    try:
        if method == "connect":
            raise UnknownMethodError("connect opens a socket; over HTTP send the token as a bearer.", method=method)
        actor = _actor(request)
        bind_contextvars(method=method[:80], actor=actor.ref)
        payload = _call(actor, method, _body(request))
    except Exception as error:  # noqa: BLE001 - the edge: everything becomes a typed answer
        refusal = as_holdfast(error, method[:80])
        return JsonResponse({"ok": False, "error": error_json(refusal)}, status=HTTP_STATUS[refusal.code])
    return JsonResponse({"ok": True, "payload": payload})


def _call(actor: Actor, name: str, raw: Json) -> Json:
    method = method_named(name)
    rate_check(actor, name)
    values = params_parse(method.params, raw)
    if method.read is not None:
        return method.read(actor, values)
    if method.compacts:
        return compacted(method.wanted(actor, values))
    return writers.current().call(method.command(actor, values))


def _actor(request: HttpRequest) -> Actor:
    """Who calls.

    Raises:
        UnauthenticatedError: no token and nobody signed in, or a token that is not good.
        ForbiddenError: the cookie came without its CSRF token.
    """
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        actor = token_actor(secret.strip())
        if noted := seen_command(actor):
            writers.current().call(noted)
        return actor
    if not request.user.is_authenticated:
        raise UnauthenticatedError
    check = CsrfViewMiddleware(lambda _request: HttpResponse())
    check.process_request(request)
    if check.process_view(request, _unprotected, (), {}) is not None:
        raise ForbiddenError("The CSRF token is missing or wrong. Send it as X-CSRFToken, or use a bearer token.")
    return access.actor_for_user(request.user)


def _body(request: HttpRequest) -> Json:
    if int(request.headers.get("Content-Length") or 0) > settings.MAX_FRAME_BYTES:
        raise TooLargeError(
            f"A call has at most {settings.MAX_FRAME_BYTES:,} bytes.", maxBytes=settings.MAX_FRAME_BYTES
        )
    try:
        body: Any = json_parse(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidFrameError(f"The body is not JSON: {str(error)[:120]}.") from error
    if not isinstance(body, dict):
        raise InvalidFrameError("The body must be a JSON object: the params.")
    return body


def _unprotected(_request: HttpRequest) -> HttpResponse:
    """A view for the CSRF check to look at; it has no exemption."""
    return HttpResponse()
