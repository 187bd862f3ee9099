"""Law 2: the one place that moves `Conversation.current_session`.

By compare-and-set, in one transaction with its audit event, its visible marker entry and its client event. If any of them cannot
be written, nothing happens. Connect, reconnect, page load, plain message, clock and restart never come here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from sessions_app.errors import RunInFlightError, SessionMovedError
from sessions_app.models import AuditEvent, Conversation, Session, Span
from sessions_app.selectors.places import session_current
from sessions_app.services._run_end import open_runs, runs_stop
from sessions_app.services._spans import spans_close
from sessions_app.services._sql import db_uuid
from sessions_app.services.audit import audit_record
from sessions_app.services.journal import Head, Journal, NewEntry, Tip
from sessions_app.values import AuditType, Call, EndReason, EntryKind, EventType, Json, StartReason


@dataclass(frozen=True, slots=True)
class Move:
    """What shall be said of a move, in its marker, its audit row and its event.

    Attributes:
        audit: type of the audit row.
        event: type of the client event.
        end_reason: why the displaced session ends.
        marker: type named by the marker entry.
        reason: the person's own words.
        facts: more for marker, audit row and event.
        audit_facts: more for the audit row only.
    """

    audit: AuditType
    event: EventType
    end_reason: EndReason
    marker: str
    reason: str = ""
    facts: Json = field(default_factory=dict)
    audit_facts: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move leaves in the caller's hands, to add to the journal and to answer with."""

    audit: AuditEvent
    head: Head
    tip: Tip
    stopped: frozenset[UUID]


def pointer_check(conversation: Conversation, believed: UUID, *, stop_run: bool) -> None:
    """Refuse a move that would surprise somebody; writes nothing.

    Raises:
        SessionMovedError: the caller believes in another session; details carry both ids.
        RunInFlightError: an answer is running or queued, and the caller did not say to stop it.
    """
    current = conversation.current_session_id
    if current != believed:
        raise SessionMovedError(sessionKey=conversation.key, oldSessionId=str(believed), newSessionId=str(current))
    assert current is not None
    waiting = open_runs(current)
    if waiting and not stop_run:
        raise RunInFlightError(runId=str(waiting[0].pk), state=waiting[0].state, openRuns=len(waiting))


def pointer_move(call: Call, journal: Journal, conversation: Conversation, new: Session, move: Move) -> Moved:
    """Make `new` the current session of a locked conversation whose move was checked.

    Args:
        call: who, by which way.
        journal: of this transaction; the caller writes it.
        conversation: locked row.
        new: an empty session just made, or an archived one that comes back; its marker is appended to it.
        move: what is said of it.

    Raises:
        SessionMovedError: somebody else moved it although it was locked.

    Writes: displaced session's end, new session's return, pointer, AuditEvent +1, marker Entry +1, Event +2, Span closed.
    """
    old = session_current(conversation)
    head = journal.head_of(conversation)
    stopped = runs_stop(journal, head, journal.tip_of(old), open_runs(old.pk))
    spans_close(journal, Span.objects.filter(session=old), reason=move.end_reason, next_session_id=new.pk)
    _swap(call, journal, conversation, old, new, move.end_reason)
    audit = audit_record(
        call,
        move.audit,
        session_key=conversation.key,
        old_session_id=old.pk,
        new_session_id=new.pk,
        reason=move.reason,
        data={**move.facts, **move.audit_facts},
    )
    tip = journal.tip_of(new)
    words: Json = {
        "oldSessionId": str(old.pk),
        "newSessionId": str(new.pk),
        "actor": call.actor.label,
        "trigger": str(call.trigger),
        "reason": move.reason,
        "auditId": audit.seq,
        **move.facts,
    }
    journal.entry_with_event(head, tip, NewEntry(EntryKind.MARKER, data={"type": move.marker, **words}))
    journal.event(head, move.event, {**words, "at": journal.now.isoformat().replace("+00:00", "Z")})
    return Moved(audit, head, tip, stopped)


def pointer_import(call: Call, journal: Journal, conversation: Conversation, aside: Session, wanted: Session) -> None:
    """Make an imported session current in a conversation that was never used; the empty session `aside` holds nothing to come back to.

    Its transcript stays word for word what it was elsewhere, so no marker is added to it.

    Writes: pointer, the end of `aside`, AuditEvent +1, Event +1.
    """
    head = journal.head_of(conversation)
    spans_close(journal, Span.objects.filter(session=aside), reason=EndReason.RESTORE, next_session_id=wanted.pk)
    _swap(call, journal, conversation, aside, wanted, EndReason.RESTORE)
    audit = audit_record(
        call,
        AuditType.SESSION_IMPORTED,
        session_key=conversation.key,
        old_session_id=aside.pk,
        new_session_id=wanted.pk,
        data={"what": "current"},
    )
    words: Json = {"oldSessionId": str(aside.pk), "newSessionId": str(wanted.pk), "actor": call.actor.label}
    words |= {"trigger": str(call.trigger), "reason": "", "auditId": audit.seq, "imported": True}
    at = journal.now.isoformat().replace("+00:00", "Z")
    journal.event(head, EventType.SESSION_RESTORED, {**words, "at": at})


def pointer_place(conversation: Conversation, session: Session) -> None:
    """Give a conversation that was just made its first session; one that has a session is left alone."""
    Conversation.objects.filter(pk=conversation.pk, current_session=None).update(current_session=session)
    conversation.current_session = session


def pointers_place(pairs: Sequence[tuple[UUID, UUID]]) -> None:
    """As `pointer_place`, for many conversations that were just made: (conversation, its first session)."""
    if pairs:
        with connection.cursor() as cursor:
            cursor.executemany(_PLACE, [(db_uuid(session), db_uuid(conversation)) for conversation, session in pairs])


def pointer_clear(conversation_id: UUID) -> None:
    """Empty a pointer that is no id at all, which only damage can make; for the doctor, before `pointer_mend`."""
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR, [db_uuid(conversation_id)])


def pointer_mend(conversation: Conversation, broken: UUID | None, session: Session) -> bool:
    """Give a conversation whose pointer is broken a session of its own again; for the doctor, whose audit row tells of it.

    Returns:
        Whether the pointer was still the broken one.
    """
    rows = Conversation.objects.filter(pk=conversation.pk, current_session=broken)
    conversation.current_session = session
    return bool(rows.update(current_session=session))


def session_create(call: Call, conversation: Conversation, reason: StartReason, journal: Journal) -> Session:
    """An empty session that is not current yet."""
    return Session.objects.create(
        conversation=conversation,
        started_at=journal.now,
        start_reason=reason,
        start_actor=call.actor.label,
        start_trigger=call.trigger,
    )


def _swap(
    call: Call, journal: Journal, conversation: Conversation, old: Session, new: Session, reason: EndReason
) -> None:
    changed = Conversation.objects.filter(pk=conversation.pk, current_session=old).update(current_session=new)
    if changed != 1:
        raise SessionMovedError(sessionKey=conversation.key, oldSessionId=str(old.pk))
    conversation.current_session = new
    tip = journal.tip_of(old)  # with the entries of answers that were stopped just now
    Session.objects.filter(pk=old.pk).update(
        ended_at=journal.now,
        end_reason=reason,
        end_actor=call.actor.label,
        end_trigger=call.trigger,
        archived_seq=tip.seq,
        archived_digest=tip.digest,
    )
    Session.objects.filter(pk=new.pk).update(ended_at=None, end_reason="", end_actor="", end_trigger="")


_PLACE = "UPDATE sessions_app_conversation SET current_session_id = %s WHERE id = %s AND current_session_id IS NULL"
_CLEAR = "UPDATE sessions_app_conversation SET current_session_id = NULL WHERE id = %s"
