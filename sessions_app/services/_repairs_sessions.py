"""Repairs of sessions and of what points to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from sessions_app.models import AuditEvent, Checkpoint, Conversation, Entry, Session, User
from sessions_app.selectors.damage import DAMAGE_MAX_CHARS
from sessions_app.services._pointer import pointer_clear, pointer_mend, session_create
from sessions_app.services.journal import Journal
from sessions_app.services.quarantine import quarantine
from sessions_app.values import (
    NO_EFFECTS,
    Call,
    ConversationKind,
    Effects,
    EndReason,
    EventType,
    Json,
    StartReason,
)

_OPEN = {"ended_at": None, "end_reason": "", "end_actor": "", "end_trigger": ""}


def set_aside(_call: Call, repair: Json) -> Effects | None:
    """Quarantine a session from its damage on, and the branches that show it."""
    touched, effects = quarantine(UUID(repair["sessionId"]), repair["fromSeq"], repair["words"])
    return effects if touched else None


def release(_call: Call, repair: Json) -> Effects | None:
    """Open a session again that is whole, and the branches that were set aside with it and have no damage of their own.

    Damage of their own would have been found before: it lies behind what they share, so it has another position.
    """
    session = Session.objects.filter(pk=repair["sessionId"]).exclude(damaged_from=None).first()
    if session is None:
        return None
    wanted: list[UUID] = [session.pk]
    while wanted:
        here = wanted.pop()
        Session.objects.filter(pk=here).update(damaged_from=None, damage="")
        same = Session.objects.filter(parent=here, damaged_from=session.damaged_from, damage=session.damage)
        wanted += same.values_list("pk", flat=True)
    return Effects(pokes=frozenset({session.conversation_id}))


def counters(_call: Call, repair: Json) -> Effects | None:
    """Set a session's own numbers to what its entries say."""
    return (
        NO_EFFECTS
        if Session.objects.filter(pk=repair["sessionId"], **repair["was"]).update(**repair["right"])
        else None
    )


def counts(_call: Call, repair: Json) -> Effects | None:
    """Set a conversation's counts to what is there."""
    conversation = Conversation.objects.filter(pk=repair["conversationId"]).first()
    if conversation is None:
        return None
    _count_sessions(conversation)  # what was made again a moment ago counts too
    number = Checkpoint.objects.filter(conversation=conversation).count()
    Conversation.objects.filter(pk=conversation.pk).update(checkpoint_count=number)
    return NO_EFFECTS


def reopen(_call: Call, repair: Json) -> Effects | None:
    """Take the mark of an end off a session that is current."""
    is_current = Conversation.objects.filter(current_session=repair["sessionId"]).exists()
    rows = Session.objects.filter(pk=repair["sessionId"]).exclude(ended_at=None)
    return NO_EFFECTS if is_current and rows.update(**_OPEN) else None


def archive(call: Call, repair: Json) -> Effects | None:
    """Mark a session that is not current as archived, so that it is listed."""
    session = Session.objects.filter(pk=repair["sessionId"], ended_at=None).first()
    if session is None or Conversation.objects.filter(current_session=session).exists():
        return None
    Session.objects.filter(pk=session.pk).update(**_ended(call, session))
    return NO_EFFECTS


def pointer(call: Call, repair: Json) -> Effects | None:
    """Give a conversation without a good current session one of its own: by compare-and-set, with an event that tells of it."""
    broken = _uuid_or_none(repair["was"])
    if repair["was"] is not None and broken is None:
        pointer_clear(UUID(repair["conversationId"]))
    conversation = Conversation.objects.select_for_update().get(pk=repair["conversationId"])
    journal = Journal()
    if repair["to"]:
        session = Session.objects.get(pk=repair["to"], conversation=conversation)
    else:
        session = session_create(call, conversation, StartReason.NEW, journal)
    if not pointer_mend(conversation, broken, session):
        return None
    Session.objects.filter(pk=session.pk).update(**_OPEN)
    words: Json = {"oldSessionId": repair["was"] or None, "newSessionId": str(session.pk), "actor": call.actor.label}
    words |= {"trigger": str(call.trigger), "reason": "repaired by doctor", "at": _now()}
    journal.event(journal.head_of(conversation), EventType.SESSION_RESTORED, words)
    _count_sessions(conversation)
    return journal.write()


def recreate(call: Call, repair: Json) -> Effects | None:
    """Make a session again whose entries are all there is left of it, and list it as an archive.

    Its conversation is the one that points to it, or the one the audit log knows, or a new one for what was found.
    """
    session_id = UUID(repair["sessionId"])
    entries = Entry.objects.filter(session_id=session_id).order_by("seq")
    if Session.objects.filter(pk=session_id).exists():
        return None
    first: Any = entries.values_list("seq", "created_at").first()
    seq, at, messages, link = entries.values_list("seq", "created_at", "message_no", "digest").reverse()[0]
    conversation = _conversation_of(session_id)
    is_current = conversation.current_session_id == session_id
    session = Session(
        pk=session_id,
        conversation=conversation,
        last_seq=seq,
        messages=messages,
        digest=link,
        started_at=first[1],
        start_reason=StartReason.IMPORT,
        start_actor=call.actor.label,
        start_trigger=call.trigger,
        last_entry_at=at,
    )
    for name, value in ({} if is_current else _ended(call, session)).items():
        setattr(session, name, value)
    if first[0] != 1:
        session.damaged_from = 1
        session.damage = f"its first entries, up to {first[0] - 1:,}, are missing."[:DAMAGE_MAX_CHARS]
    session.save(force_insert=True)
    if conversation.current_session_id is None:
        pointer_mend(conversation, None, session)
        Session.objects.filter(pk=session_id).update(**_OPEN)
    _count_sessions(conversation)
    return Effects(pokes=frozenset({conversation.pk}))


def _conversation_of(session_id: UUID) -> Conversation:
    found = Conversation.objects.filter(current_session=session_id).first()
    if found is not None:
        return found
    audits = AuditEvent.objects.filter(Q(new_session_id=session_id) | Q(old_session_id=session_id)).exclude(
        session_key=""
    )
    for key in audits.order_by("-seq").values_list("session_key", flat=True)[:10]:
        found = Conversation.objects.filter(key=key).first()
        if found is not None:
            return found
    owner = User.objects.filter(is_active=True).order_by("-is_superuser", "pk")[0]
    return Conversation.objects.create(
        key=f"agent:main:found-{session_id.hex[:8]}",
        title="Found by doctor",
        kind=ConversationKind.CHAT,
        owner=owner,
        created_at=timezone.now(),
        updated_at=timezone.now(),
    )


def _uuid_or_none(word: str | None) -> UUID | None:
    try:
        return UUID(word) if word else None
    except ValueError:
        return None


def _ended(call: Call, session: Session) -> Json:
    return {
        "ended_at": timezone.now(),
        "end_reason": EndReason.CRASH,
        "end_actor": call.actor.label,
        "end_trigger": call.trigger,
        "archived_seq": session.last_seq,
        "archived_digest": session.digest,
    }


def _count_sessions(conversation: Conversation) -> None:
    number = Session.objects.filter(conversation=conversation).count()
    Conversation.objects.filter(pk=conversation.pk).update(session_count=number)


def _now() -> str:
    return timezone.now().isoformat().replace("+00:00", "Z")
