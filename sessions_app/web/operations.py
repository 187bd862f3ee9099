"""Operations: how this server is and why, what needs somebody, and the forms of those who manage it.

Nothing here examines or measures on a page load: the doctor works when a button asks it to, and its last result is shown.
"""

from __future__ import annotations

import shutil
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ConfirmationRequiredError, ConfirmationStaleError, HoldfastError, InvalidParamsError
from sessions_app.runtime.doctor.background import thorough_check
from sessions_app.runtime.doctor.overview import doctor_examine, doctor_overview
from sessions_app.runtime.doctor.treatment import plan_apply
from sessions_app.runtime.hooks.overview import subscribers_status
from sessions_app.runtime.process import current_if_any
from sessions_app.runtime.status import gateway_status
from sessions_app.runtime.storage import storage_measure
from sessions_app.selectors.hooks import hook_delivery_list
from sessions_app.selectors.operations import server_lives, turns_interrupted
from sessions_app.selectors.reachable import reachable
from sessions_app.services.hooks import hook_redeliver
from sessions_app.services.restart import gateway_restart, restart_preview
from sessions_app.values import REASON_MAX_CHARS, Actor, DeliveryState, Json, Trigger
from sessions_app.web.request import HtmxHttpRequest, actor_of, number_of, toast, write
from sessions_app.web.tables import cursor_of, pager

DELIVERIES_SHOWN = 20
COMES_BACK_SOON = {"starting", "draining"}


@never_cache
@require_GET
def operations(request: HtmxHttpRequest) -> HttpResponse:
    """Everything an operator asks first, as it is now."""
    actor = actor_of(request)
    standing = access.require(actor, Action.VIEW)
    can_manage = standing.has("manage")
    process = current_if_any()
    status = gateway_status(actor)
    interrupted = turns_interrupted(actor, cursor=cursor_of(request))
    context = {
        "status": status,
        "reloads": process is not None and bool(COMES_BACK_SOON.intersection(status["reasons"])),
        "uptime": _uptime(status["uptimeSeconds"]),
        "free": _room(shutil.disk_usage(settings.DATA_DIR).free),
        "interrupted": interrupted,
        "pager": pager(request, interrupted["nextCursor"]),
        "reachable": reachable(actor, everyone=True, anew=True),
        "lives": server_lives(actor, this_instance=process.instance_id if process else None)["lives"],
        "can_manage": can_manage,
        "now": timezone.now(),
        **_hooks(actor),
        **(_doctor(actor) if can_manage else {}),
    }
    return render(request, "operations.html", context)


def _uptime(seconds: int | None) -> dict[str, Any]:
    """How long, in the largest unit that fits."""
    for unit, size in (("days", 2 * 86_400), ("h", 7200), ("min", 120)):
        if seconds is not None and seconds >= size:
            return {"number": seconds // {"days": 86_400, "h": 3600, "min": 60}[unit], "unit": unit}
    return {"number": "-" if seconds is None else seconds, "unit": "" if seconds is None else "s"}


def _room(size: int) -> dict[str, Any]:
    """Bytes as people say them."""
    number, unit = filesizeformat(size).replace("\xa0", " ").split(" ")
    return {"number": number, "unit": unit}


def _hooks(actor: Actor) -> dict[str, Any]:
    subscribers = subscribers_status(actor)["subscribers"]
    waiting: list[Json] = []
    for state in (DeliveryState.DEAD, DeliveryState.PENDING):
        if any(row[str(state)] for row in subscribers):
            waiting += hook_delivery_list(actor, state=state, limit=DELIVERIES_SHOWN)["deliveries"]
    totals = {name: sum(row[name] for row in subscribers) for name in ("pending", "dead")}
    return {"subscribers": subscribers, "deliveries": waiting, "deliveries_open": totals}


def _doctor(actor: Actor) -> dict[str, Any]:
    found = doctor_overview(actor)
    storage = found["storage"]
    parts = sorted(storage["kinds"].items(), key=lambda part: -part[1]) if storage else []
    largest = max([size for _, size in parts], default=0) or 1
    return {
        "examination": found["examination"],
        "storage": storage,
        "kinds": [{"kind": kind, "bytes": size, "share": 100 * size // largest} for kind, size in parts],
        "backups": found["backups"],
        "check": thorough_check,
    }


@never_cache
@require_http_methods(["GET", "POST"])
def checking(request: HtmxHttpRequest) -> HttpResponse:
    """POST: let the doctor look, at once or thoroughly in the background. GET: how far the thorough check is."""
    actor = actor_of(request)
    access.require(actor, Action.MANAGE)
    if request.method == "GET":
        return _how_far(request)
    if request.POST.get("deep") == "true":
        started = thorough_check.start(actor)
        toast(request, "The thorough check has begun." if started else "A thorough check runs already.")
        return _to("findings")
    try:
        found = doctor_examine(actor, deep=False)
        storage_measure(actor)
    except FileNotFoundError as error:
        raise InvalidParamsError("There is no database file to examine.") from error
    findings = len(found["findings"])
    toast(
        request, f"Checked. {findings} finding{'' if findings == 1 else 's'}." if findings else "Checked. All is well."
    )
    return _to("findings")


def _how_far(request: HtmxHttpRequest) -> HttpResponse:
    """The progress of the thorough check; the page is loaded again when it has ended."""
    if not request.htmx:
        return _to("findings")
    response = render(request, "_operations_check.html", {"check": thorough_check})
    if not thorough_check.started_at:
        response["HX-Refresh"] = "true"
    return response


@require_POST
def plan_applying(request: HtmxHttpRequest) -> HttpResponse:
    """Back up, then do what the plan says; refused in words when things are not as they were."""
    actor = actor_of(request)
    plan, deep = request.POST.get("plan", ""), request.POST.get("deep") == "true"
    try:
        done = plan_apply(actor, plan, trigger=Trigger.UI_BUTTON, deep=deep)
    except (ConfirmationStaleError, InvalidParamsError) as error:
        toast(request, error.message)
        return _to("findings")
    except FileNotFoundError as error:
        raise InvalidParamsError("There is no database file to examine.") from error
    told = ", ".join(f"{word} {done[word]}" for word in ("repaired", "skipped", "failed") if done[word])
    toast(request, f"Done: {told or 'nothing was left to do'}. The backup made before is {done['backup'] or 'yours'}.")
    return _to("findings")


@require_POST
def hook_redelivering(request: HtmxHttpRequest) -> HttpResponse:
    """Send one delivery again, or all that were given up."""
    if request.POST.get("dead") == "true":
        done = write(request, hook_redeliver, suffix="dead", dead=True)
    else:
        delivery_id = number_of(request.POST.get("delivery_id"))
        done = write(request, hook_redeliver, suffix=f"hook/{delivery_id}", delivery_id=delivery_id)
    sent = done["redelivered"]
    toast(request, f"{sent} deliver{'y is' if sent == 1 else 'ies are'} on the way again.")
    return _to("hooks")


def _to(section: str) -> HttpResponse:
    """Back to a part of the page. These forms are plain: what they did is seen by loading it again."""
    return redirect(f"{reverse('operations')}#{section}")


@never_cache
@require_http_methods(["GET", "POST"])
def restarting(request: HtmxHttpRequest) -> HttpResponse:
    """GET: what a restart would interrupt, with the token that confirms it. POST: restart, and wait for the server to be back."""
    if request.method == "GET":
        return _restart_dialog(request)
    form = request.POST
    try:
        answer = write(
            request,
            gateway_restart,
            confirmation=form.get("confirmation", ""),
            reason=form.get("reason", "").strip(),
        )
    except (ConfirmationRequiredError, ConfirmationStaleError) as error:
        return _restart_dialog(request, error)
    context = {"instance_id": answer["instanceId"] or ""}
    return _asked(request, render(request, _name(request, "restarting"), context))


def _restart_dialog(request: HtmxHttpRequest, error: HoldfastError | None = None) -> HttpResponse:
    context = {
        "preview": restart_preview(actor_of(request)),
        "drain_seconds": settings.DRAIN_SECONDS,
        "error": error,
        "reason": request.POST.get("reason", ""),
        "reason_max": REASON_MAX_CHARS,
    }
    response = render(request, _name(request, "restart"), context, status=409 if error else 200)
    return _asked(request, response) if error else response


def _name(request: HtmxHttpRequest, page: str) -> str:
    return f"_{page}.html" if request.htmx else f"{page}.html"


def _asked(request: HtmxHttpRequest, response: HttpResponse) -> HttpResponse:
    """Show an answer where the question stood."""
    if request.htmx:
        response["HX-Retarget"] = "#ask"
        response["HX-Reswap"] = "innerHTML"
    return response
