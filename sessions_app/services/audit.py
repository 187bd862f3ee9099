"""The only writer of audit rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from sessions_app.canonical import canonical
from sessions_app.models import AuditEvent, AuditHead
from sessions_app.selectors.audit_chain import audit_hash
from sessions_app.services._sql import rows_insert
from sessions_app.values import AuditType, Call, Json, Outcome

_COLUMNS = [field.attname for field in AuditEvent._meta.concrete_fields]


def audit_record(  # noqa: PLR0913 - one argument for each column a caller decides
    call: Call,
    audit_type: AuditType,
    *,
    outcome: Outcome = Outcome.OK,
    session_key: str = "",
    old_session_id: UUID | None = None,
    new_session_id: UUID | None = None,
    reason: str = "",
    data: Json | None = None,
) -> AuditEvent:
    """Append one row to the audit chain. Needs an open transaction; locks the head until it ends.

    Args:
        call: who, by which way, under which request id.
        audit_type: what was tried.
        outcome: how it ended.
        session_key: the conversation it was about; "" for none.
        old_session_id: the session that was current before.
        new_session_id: the session that is current after.
        reason: the person's own words, or the code of a refusal's error in `data`.
        data: more facts, JSON types, no floats.

    Returns:
        The stored row; its `seq` is the audit id.
    """
    head = AuditHead.objects.select_for_update().get(pk=1)
    event = AuditEvent(
        seq=head.last_seq + 1,
        type=audit_type,
        outcome=outcome,
        actor_kind=call.actor.kind,
        actor_id=call.actor.id,
        actor_label=call.actor.label,
        trigger=call.trigger,
        session_key=session_key[:200],
        old_session_id=old_session_id,
        new_session_id=new_session_id,
        reason=reason,
        request_id=call.request_id[:128],
        data=json.loads(canonical(data or {})),
        created_at=timezone.now(),
        prev_hash=head.hash,
    )
    event.hash = audit_hash(event)
    event.save()
    AuditHead.objects.filter(pk=1).update(last_seq=event.seq, hash=event.hash)
    return event


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One of many rows for `audit_record_many`."""

    type: AuditType
    session_key: str
    new_session_id: UUID
    data: Json


def audit_record_many(call: Call, rows: Sequence[AuditRow]) -> None:
    """As `audit_record`, for many rows of one call that went well: the head is locked and moved once."""
    if not rows:
        return
    head = AuditHead.objects.select_for_update().get(pk=1)
    who = {"actor_kind": call.actor.kind, "actor_id": call.actor.id, "actor_label": call.actor.label}
    events, previous = list[AuditEvent](), head.hash
    for seq, row in enumerate(rows, head.last_seq + 1):
        event = AuditEvent(
            seq=seq,
            type=row.type,
            outcome=Outcome.OK,
            **who,
            trigger=call.trigger,
            session_key=row.session_key[:200],
            new_session_id=row.new_session_id,
            request_id=call.request_id[:128],
            data=json.loads(canonical(row.data)),
            created_at=timezone.now(),
            prev_hash=previous,
        )
        event.hash = previous = audit_hash(event)
        events.append(event)
    rows_insert(AuditEvent, [{name: getattr(event, name) for name in _COLUMNS} for event in events])
    AuditHead.objects.filter(pk=1).update(last_seq=events[-1].seq, hash=previous)


def audit_refusal(call: Call, audit_type: AuditType, *, outcome: Outcome, params: Any, error: Json) -> AuditEvent:
    """Append the row of an attempt that changed nothing; `error` is {code, message}, `params` the verb's parameters."""
    return audit_record(
        Call(call.actor, call.trigger, _printable(call.request_id)),
        audit_type,
        outcome=outcome,
        session_key=_printable(params.get("session_key")),
        old_session_id=_uuid_or_none(params.get("expected_current_session_id") or params.get("session_id")),
        reason=_printable(params.get("reason")),
        data={"error": {name: _printable(words) for name, words in error.items()}},
    )


def _printable(value: Any) -> str:
    """What a refused caller sent, safe to store on both engines: shortened, no NUL, no broken characters."""
    text = value if isinstance(value, str) else ""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:500]


def _uuid_or_none(value: Any) -> UUID | None:
    try:
        return value if isinstance(value, UUID) else UUID(str(value)) if value else None
    except ValueError:
        return None
