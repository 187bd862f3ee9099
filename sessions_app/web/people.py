"""People: who has an account, in which groups, and the forms of those who manage them."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sessions_app.errors import HoldfastError, InvalidParamsError
from sessions_app.selectors.accounts import account_get, account_list, group_list, sign_in_list
from sessions_app.selectors.tokens import token_list
from sessions_app.services.people import sign_in_link_create, user_change, user_create
from sessions_app.values import SIGN_IN_LINK_MAX_AGE_SECONDS
from sessions_app.web.forms import PeopleFilter
from sessions_app.web.request import HtmxHttpRequest, actor_of, go, toast, write
from sessions_app.web.shown_once import secret_shown
from sessions_app.web.tables import chips, cursor_of, pager

NEW_ACCOUNT_GROUPS = ["User"]


@require_http_methods(["GET", "POST"])
def people(request: HtmxHttpRequest) -> HttpResponse:
    """GET: every account, by name. POST: create one; its page is where its sign-in link is made."""
    if request.method == "GET":
        return _people(request)
    username = request.POST.get("username", "").strip()
    try:
        made = write(request, user_create, username=username, groups=request.POST.getlist("groups"))
    except InvalidParamsError as error:
        if request.htmx:
            raise
        return _people(request, error)
    toast(request, f"{made['username']} has an account and a conversation. Make a sign-in link to let them in.")
    return go(request, person_url(made["username"]))


def _people(request: HtmxHttpRequest, error: HoldfastError | None = None) -> HttpResponse:
    actor = actor_of(request)
    groups = group_list(actor)
    form = PeopleFilter(request.GET, groups=[group["name"] for group in groups])
    given = form.given()
    found = account_list(
        actor,
        query=given.get("q", ""),
        group=given.get("group", ""),
        state=given.get("state", ""),
        cursor=cursor_of(request),
    )
    context = {
        "rows": found["accounts"],
        "groups": groups,
        "chosen": request.POST.getlist("groups") if error else NEW_ACCOUNT_GROUPS,
        "username": request.POST.get("username", "") if error else "",
        "error": error,
        "form": form,
        "chips": chips(request, form),
        "pager": pager(request, found["nextCursor"]),
    }
    return render(request, "people.html", context, status=400 if error else 200)


@require_GET
def person(request: HtmxHttpRequest, username: str) -> HttpResponse:
    """One account: state, groups, tokens, sign-ins."""
    actor = actor_of(request)
    groups = group_list(actor)
    account = account_get(actor, username=username)
    context = {
        "account": account,
        "groups": groups,
        "is_self": username == request.user.get_username(),
        "tokens": token_list(actor, username=username)["tokens"],
        "sign_ins": sign_in_list(actor, username=username)["signIns"],
    }
    return render(request, "person.html", context)


@require_POST
def person_changing(request: HtmxHttpRequest, username: str) -> HttpResponse:
    """Set the groups of an account, or disable or enable it; what the form does not name stays."""
    if "active" in request.POST:
        is_active = request.POST["active"] == "true"
        write(request, user_change, suffix=f"active/{is_active}", username=username, is_active=is_active)
        toast(
            request,
            f"{username} may sign in again."
            if is_active
            else f"{username} is disabled: signed out everywhere, programs too. Conversations stay.",
        )
    else:
        write(request, user_change, suffix="groups", username=username, groups=request.POST.getlist("groups"))
        toast(request, f"Groups of {username} are set.")
    return go(request, person_url(username))


@never_cache
@require_POST
def person_linking(request: HtmxHttpRequest, username: str) -> HttpResponse:
    """Make a sign-in link; it is shown this once."""
    made = write(request, sign_in_link_create, username=username)
    return secret_shown(
        request,
        title=f"A sign-in link for {username}",
        lead=f"It works once, within {SIGN_IN_LINK_MAX_AGE_SECONDS // 60} minutes. Send it to nobody else: whoever opens it is {username}.",
        what="sign-in link",
        secret=request.build_absolute_uri(reverse("signin-link", kwargs={"token": made["token"]})),
        back=person_url(username),
    )


def person_url(username: str) -> str:
    """The address of an account's page."""
    return reverse("person", kwargs={"username": username})
