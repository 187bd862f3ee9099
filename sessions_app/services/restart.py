"""Restarting the server: asked for, previewed, confirmed and audited like everything that people notice."""

from __future__ import annotations

import datetime

from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ConfirmationRequiredError
from sessions_app.models import Run, ServerInstance
from sessions_app.selectors.wire import wire_time
from sessions_app.services._text import line_checked
from sessions_app.services.audit import audit_record
from sessions_app.services.confirmation import token_check, token_issue
from sessions_app.services.perform import verb
from sessions_app.values import (
    CONFIRMATION_MAX_AGE_SECONDS,
    REASON_MAX_CHARS,
    Actor,
    Answer,
    AuditType,
    Call,
    Effects,
    Json,
    RunState,
)


def restart_preview(actor: Actor) -> Json:
    """What a restart would interrupt, and the token that confirms it. Four queries.

    Returns:
        {instanceId, startedAt, runsRunning, runsQueued, token, expiresAt}.

    Raises:
        ForbiddenError, UnauthenticatedError: the actor may not manage the server.
    """
    access.require(actor, Action.MANAGE)
    return _preview(actor)


@verb(audit=AuditType.GATEWAY_RESTARTED, digest_ignores=("confirmation",))
def gateway_restart(call: Call, *, confirmation: str = "", reason: str = "") -> Answer:
    """Let the server drain and start again.

    Args:
        call: who, by which way; `request_id` makes a repeat safe.
        confirmation: token of `restart_preview`.
        reason: the person's own words.

    Returns:
        {restarting: true, instanceId, auditId}. The server begins to drain after the answer is stored.

    Raises:
        ConfirmationRequiredError: no token; details carry the preview.
        ConfirmationStaleError: another person's, too old, or of a server that was restarted since.
        ForbiddenError, UnauthenticatedError: the actor may not manage the server.

    Writes: AuditEvent +1.
    """
    access.require(call.actor, Action.MANAGE)
    if not confirmation:
        raise ConfirmationRequiredError(
            "A restart must be confirmed. Nothing was changed.", preview=_preview(call.actor)
        )
    instance = _instance()
    token_check(confirmation, _bound(call.actor, instance))
    words = line_checked(reason, name="reason", max_chars=REASON_MAX_CHARS)
    audit = audit_record(call, AuditType.GATEWAY_RESTARTED, reason=words, data={"instanceId": _name(instance)})
    return {"restarting": True, "instanceId": _name(instance), "auditId": audit.seq}, Effects(restart=True)


def _preview(actor: Actor) -> Json:
    instance, now = _instance(), timezone.now()
    open_states = Run.objects.filter(state__in=(RunState.RUNNING, RunState.QUEUED)).values_list("state", flat=True)
    states = list(open_states)
    return {
        "instanceId": _name(instance),
        "startedAt": wire_time(instance.started_at) if instance else None,
        "runsRunning": states.count(RunState.RUNNING),
        "runsQueued": states.count(RunState.QUEUED),
        "token": token_issue(_bound(actor, instance)),
        "expiresAt": wire_time(now + datetime.timedelta(seconds=CONFIRMATION_MAX_AGE_SECONDS)),
    }


def _instance() -> ServerInstance | None:
    """The server that runs, as far as the database knows."""
    return ServerInstance.objects.filter(stopped_at=None).order_by("-started_at").first()


def _name(instance: ServerInstance | None) -> str | None:
    return str(instance.pk) if instance else None


def _bound(actor: Actor, instance: ServerInstance | None) -> list[str | int]:
    return [actor.ref, "restart", _name(instance) or ""]
