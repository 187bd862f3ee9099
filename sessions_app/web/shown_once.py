"""Secrets that are shown once: sign-in links and tokens."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from sessions_app.web.request import HtmxHttpRequest


def secret_shown(request: HtmxHttpRequest, *, title: str, lead: str, what: str, secret: str, back: str) -> HttpResponse:
    """A secret in a dialog, or as a page without script. It is stored nowhere, so it can be neither shown nor made again.

    Args:
        request: what came.
        title, lead: what it is, and how it is used.
        what: its name for the copy button.
        secret: the secret.
        back: where one came from.
    """
    context = {"title": title, "lead": lead, "what": what, "secret": secret, "back": back}
    response = render(request, "_secret.html" if request.htmx else "secret.html", context)
    if request.htmx:
        response["HX-Retarget"] = "#ask"
        response["HX-Reswap"] = "innerHTML"
    response["Referrer-Policy"] = "no-referrer"
    return response
