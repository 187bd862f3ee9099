"""The page of one's own account: how the pages look, password, the programs that act for one, one's sign-ins."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from sessions_app.errors import HoldfastError, InvalidParamsError
from sessions_app.selectors.accounts import account_get, sign_in_list
from sessions_app.selectors.tokens import token_list
from sessions_app.services.tokens import token_create, token_revoke
from sessions_app.values import Scope
from sessions_app.web.request import HtmxHttpRequest, actor_of, back_to, go, number_of, toast, write
from sessions_app.web.shown_once import secret_shown
from sessions_app.web.words import SCOPES


@require_GET
def own_account(request: HtmxHttpRequest) -> HttpResponse:
    """Everything a person may know and change about their account."""
    return _own_account(request)


def _own_account(request: HtmxHttpRequest, error: HoldfastError | None = None) -> HttpResponse:
    actor = actor_of(request)
    username = request.user.get_username()
    context = {
        "account": account_get(actor, username=username),
        "tokens": token_list(actor, username=username)["tokens"],
        "sign_ins": sign_in_list(actor, username=username)["signIns"],
        "scopes": [(str(scope), SCOPES[scope]) for scope in Scope],
        "chosen": request.POST.getlist("scopes") if error else [str(Scope.READ)],
        "name": request.POST.get("name", "") if error else "",
        "error": error,
    }
    return render(request, "account.html", context, status=400 if error else 200)


@never_cache
@require_POST
def token_creating(request: HtmxHttpRequest) -> HttpResponse:
    """Make a token of one's own; it is shown this once."""
    name, scopes = request.POST.get("name", "").strip(), request.POST.getlist("scopes")
    try:
        made = write(request, token_create, username=request.user.get_username(), name=name, scopes=scopes)
    except InvalidParamsError as error:
        if request.htmx:
            raise
        return _own_account(request, error)
    return secret_shown(
        request,
        title=f"The token “{made['name']}”",
        lead="Copy it now: it is stored as a fingerprint only and cannot be shown again. Whoever has it acts in your name.",
        what="token",
        secret=made["token"],
        back=reverse("own-account"),
    )


@require_POST
def token_revoking(request: HtmxHttpRequest) -> HttpResponse:
    """Make a token worthless: one's own, or anybody's for those who manage people."""
    token_id = number_of(request.POST.get("token_id")) or 0
    revoked = write(request, token_revoke, suffix=f"token/{token_id}", token_id=token_id)
    toast(request, f"The token “{revoked['name']}” is revoked. Its sockets are closed.")
    return go(request, back_to(request, reverse("own-account")))
