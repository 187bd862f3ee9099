"""Repairs of the two numbered logs."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from sessions_app.models import AuditHead, Conversation, Event
from sessions_app.values import NO_EFFECTS, Call, Effects, EventType, Json


def audit_head(_call: Call, repair: Json) -> Effects | None:
    """Let the head name the last row again, so that the log can be written on."""
    head = AuditHead.objects.select_for_update().filter(pk=1).first()
    if (head and [head.last_seq, head.hash]) != repair["was"]:
        return None
    last_seq, link = repair["to"]
    AuditHead.objects.update_or_create(pk=1, defaults={"last_seq": last_seq, "hash": link})
    return NO_EFFECTS


def events_cursor(_call: Call, repair: Json) -> Effects | None:
    """Let a conversation count to its newest event. The one who waits for more looks again."""
    conversation_id = UUID(repair["conversationId"])
    newest = Event.objects.filter(conversation=conversation_id).order_by("-number").first()
    number = newest.number if newest else 0
    rows = Conversation.objects.filter(pk=conversation_id, last_event=repair["was"])
    return Effects(pokes=frozenset({conversation_id})) if rows.update(last_event=number) else None


def fill_events(_call: Call, repair: Json) -> Effects | None:
    """Fill the gaps of an event log with what the conversation is now: true, and harmless to whoever replays it."""
    conversation = Conversation.objects.select_for_update().get(pk=repair["conversationId"])
    now = {"title": conversation.title, "pinned": conversation.pinned, "locked": conversation.locked}
    numbers = [number for first, last in repair["gaps"] for number in range(first, last + 1)]
    there = set(Event.objects.filter(conversation=conversation, number__in=numbers).values_list("number", flat=True))
    rows = [
        Event(
            conversation=conversation,
            number=number,
            type=EventType.CONVERSATION_CHANGED,
            payload=now,
            created_at=timezone.now(),
        )
        for number in numbers
        if number not in there
    ]
    Event.objects.bulk_create(rows, batch_size=500)
    return NO_EFFECTS if rows else None
