"""Who is signed in, and how their pages look: sign-in by password or one-time link, password, theme, sign-out."""

from __future__ import annotations

import logging
import math
import uuid
from typing import cast

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.hashers import make_password
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from sessions_app.access import actor_for_user
from sessions_app.errors import HoldfastError, NotFoundError
from sessions_app.models import User
from sessions_app.runtime import writers
from sessions_app.services.people import VISITOR, password_set, sign_in_link_use
from sessions_app.services.preferences import theme_set
from sessions_app.services.sign_ins import UNKNOWN, lockout_record, password_sign_in_record
from sessions_app.values import Call, Command, Trigger
from sessions_app.web.forms import SignInForm
from sessions_app.web.request import HtmxHttpRequest, done, go, write

logger = logging.getLogger(__name__)

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """Name and password. A partial that meets this page leads the whole browser here instead."""

    template_name = "signin.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """The empty form."""
        asked = cast(HtmxHttpRequest, request).htmx
        if asked:
            return HttpResponseClientRedirect(f"{request.path}?next={asked.current_url_abs_path or '/'}")
        return super().get(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Record the sign-in, then do it: one that cannot be recorded does not happen."""
        actor = actor_for_user(form.get_user())
        call = Call(actor=actor, trigger=Trigger.UI_BUTTON, request_id=str(uuid.uuid4()))
        writers.current().call(Command(verb=password_sign_in_record, call=call, params={}))
        return super().form_valid(form)


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, credentials: dict[str, str] | None
) -> HttpResponse:
    """The sign-in page after too many wrong passwords: how long to wait, and what works meanwhile. Called by django-axes."""
    mine = AccessAttempt.objects.filter(
        username=(credentials or {}).get("username"), ip_address=getattr(request, "axes_ip_address", None)
    )
    newest = mine.order_by("-attempt_time").first()
    if newest is not None:
        _lockout_recorded(newest)
    until = (newest.attempt_time if newest else timezone.now()) + settings.AXES_COOLOFF_TIME
    wait_seconds = max(1, math.ceil((until - timezone.now()).total_seconds()))
    context = {"form": SignInForm(request), "locked_until": until, "wait_minutes": math.ceil(wait_seconds / 60)}
    response = render(request, "signin.html", context, status=429)
    response["Retry-After"] = str(wait_seconds)
    return response


def _lockout_recorded(attempt: AccessAttempt) -> None:
    """Into the audit log, once for each pause; the door stays locked when that cannot be written."""
    request_id = f"lockout:{attempt.pk}:{attempt.attempt_time.isoformat()}"
    call = Call(actor=UNKNOWN, trigger=Trigger.UI_BUTTON, request_id=request_id)
    facts = {"username": attempt.username or "", "address": attempt.ip_address or ""}
    facts["failures"] = attempt.failures_since_start
    try:
        writers.current().call(Command(verb=lockout_record, call=call, params=facts))
    except HoldfastError as error:
        logger.warning("a lockout was not recorded: %s", error)


@method_decorator(login_not_required, name="dispatch")
class SignOut(LogoutView):
    """Forget who is signed in; by POST only."""


@login_not_required
@never_cache
@require_GET
def signin_link(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in by a one-time link: it is used up by this request."""
    call = Call(actor=VISITOR, trigger=Trigger.UI_BUTTON, request_id=str(uuid.uuid4()))
    try:
        answer = writers.current().call(Command(verb=sign_in_link_use, call=call, params={"token": token}))
    except NotFoundError as error:
        if request.user.is_authenticated:
            messages.info(request, "That link was used already. You are signed in.")
            return redirect("home")
        return render(request, "signin.html", {"form": SignInForm(request), "link_error": error.message}, status=404)
    user = get_user_model().objects.get(pk=answer["userId"])
    login(request, user, backend=MODEL_BACKEND)
    return redirect("home")


@never_cache
@require_http_methods(["GET", "POST"])
def password(request: HtmxHttpRequest) -> HttpResponse:
    """Set one's own password; other places where this account is signed in are signed out."""
    form: SetPasswordForm[User] = SetPasswordForm(request.user, request.POST or None)
    for field in form.fields.values():
        field.widget.attrs["class"] = "input"
    if request.method == "POST" and form.is_valid():
        write(request, password_set, password_hash=make_password(form.cleaned_data["new_password1"]))
        user = get_user_model().objects.get(pk=request.user.pk)
        login(request, user, backend=MODEL_BACKEND)
        messages.success(request, "Your password is set. Other places where you were signed in are signed out.")
        return go(request, reverse("own-account"))
    return render(request, "password.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def theme(request: HtmxHttpRequest) -> HttpResponse:
    """Remember how this person's pages look."""
    chosen = request.POST.get("theme", "")
    write(request, theme_set, suffix=chosen, theme=chosen)
    return done(request, "/")
