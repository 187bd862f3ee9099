"""The one writer of transcript entries, client events and hook events.

A verb opens a Journal, adds entries and events to it, and writes it once: a batch of sends and a single reset go the same way.
Numbers are given from rows that the verb has locked (conversation first, then session) and stored by compare-and-set: if either
moved in between, nothing is written.
"""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection
from django.utils import timezone

from sessions_app.canonical import canonical, canonical_text, entry_link
from sessions_app.models import Conversation, Session
from sessions_app.selectors.wire import wire_time
from sessions_app.services._sql import db_json, db_time, db_uuid
from sessions_app.values import Effects, EntryKind, EventType, HookType, Json, Role


@dataclass(slots=True)
class Head:
    """The number of a conversation's newest event: as stored, and with what this journal adds."""

    conversation_id: UUID
    session_key: str
    stored: int
    number: int


@dataclass(slots=True)
class Tip:
    """A session's newest entry: as stored, and with what this journal adds."""

    session_id: UUID
    stored: int
    seq: int
    messages: int
    digest: str


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What shall be appended to a transcript."""

    kind: EntryKind
    role: Role | None = None
    text: str = ""
    data: Json | None = None
    run_id: UUID | None = None


def entry_digest(previous: str, seq: int, entry: NewEntry, created_at: datetime.datetime) -> str:
    """Link of the transcript's hash chain: the digest of the entry before, and all of this one."""
    run = entry.run_id.hex if entry.run_id else None
    data = canonical(entry.data or {})
    text, at = canonical_text(entry.text), created_at.isoformat()
    return entry_link(previous, seq, entry.kind, entry.role or "", text, data, at, run)


class Journal:
    """Entries and events of one transaction. Use within an atomic block; call `write` once, at its end."""

    def __init__(self, now: datetime.datetime | None = None) -> None:
        self.now = now or timezone.now()
        self._heads: dict[UUID, Head] = {}
        self._tips: dict[UUID, Tip] = {}
        self._entries: list[tuple[Any, ...]] = []
        self._events: list[tuple[Any, ...]] = []
        self._hooks: list[tuple[Any, ...]] = []

    def head(self, conversation_id: UUID, session_key: str, last_event: int) -> Head:
        """The head of a conversation whose row the caller has locked and read."""
        return self._heads.setdefault(conversation_id, Head(conversation_id, session_key, last_event, last_event))

    def tip(self, session_id: UUID, last_seq: int, messages: int, last_digest: str) -> Tip:
        """The tip of a session whose row the caller has read under the conversation's lock."""
        return self._tips.setdefault(session_id, Tip(session_id, last_seq, last_seq, messages, last_digest))

    def head_of(self, conversation: Conversation) -> Head:
        """`head` for a locked model row."""
        return self.head(conversation.pk, conversation.key, conversation.last_event)

    def tip_of(self, session: Session) -> Tip:
        """`tip` for a model row read under the conversation's lock."""
        return self.tip(session.pk, session.last_seq, session.messages, session.digest)

    def last_seq_of(self, session: Session) -> int:
        """The newest position of a session, with what this journal adds to it."""
        tip = self._tips.get(session.pk)
        return tip.seq if tip else session.last_seq

    def entry(self, tip: Tip, entry: NewEntry) -> int:
        """Append one entry.

        Returns:
            Its seq.
        """
        tip.seq += 1
        tip.messages += entry.kind is EntryKind.MESSAGE and entry.role in {Role.USER, Role.ASSISTANT}
        tip.digest = entry_digest(tip.digest, tip.seq, entry, self.now)
        self._entries.append(
            (
                db_uuid(tip.session_id),
                tip.seq,
                str(entry.kind),
                str(entry.role or ""),
                entry.text,
                db_json(entry.data or {}),
                entry.run_id and db_uuid(entry.run_id),
                tip.messages,
                tip.digest,
                db_time(self.now),
            )
        )
        return tip.seq

    def event(self, head: Head, event_type: EventType, payload: Json) -> int:
        """Append one client event; `payload` holds references, never text of the transcript.

        Returns:
            Its number.
        """
        head.number += 1
        self._events.append(
            (db_uuid(head.conversation_id), head.number, str(event_type), db_json(payload), db_time(self.now))
        )
        return head.number

    def entry_with_event(self, head: Head, tip: Tip, entry: NewEntry) -> int:
        """Append one entry and the `entry.added` that tells of it."""
        seq = self.entry(tip, entry)
        self.event(head, EventType.ENTRY_ADDED, {"sessionId": str(tip.session_id), "seq": seq})
        return seq

    def hook(
        self, hook_type: HookType, *, session_id: UUID, session_key: str, payload: Json, span_id: UUID | None = None
    ) -> None:
        """Tell the subscribers of lifecycle hooks: the outbox row of a change, in the transaction of the change.

        Args:
            hook_type: what happened.
            session_id: to which session; its hooks are delivered in order.
            session_key: of its conversation.
            payload: more of it; event id, type, key, session and time are put in front.
            span_id: the span that begins or ends by it: once for each span and type, or the change fails.
        """
        event_id = uuid.uuid4()
        words: Json = {
            "eventId": str(event_id),
            "type": str(hook_type),
            "sessionKey": session_key,
            "sessionId": str(session_id),
        }
        words |= {"at": wire_time(self.now), **payload}
        row = (
            db_uuid(event_id),
            str(hook_type),
            db_uuid(session_id),
            session_key,
            span_id and db_uuid(span_id),
            db_json(words),
        )
        self._hooks.append((*row, db_time(self.now)))

    def write(self) -> Effects:
        """Write all rows.

        Returns:
            Whom to tell after COMMIT: the watchers of the conversations, and the deliverer of hooks.

        Raises:
            IntegrityError: a session or conversation moved although it was locked; roll back.
        """
        now = db_time(self.now)
        tips = [t for t in self._tips.values() if t.seq != t.stored]
        heads = [h for h in self._heads.values() if h.number != h.stored]
        with connection.cursor() as cursor:
            if self._entries:
                cursor.executemany(INSERT_ENTRY, self._entries)
            if self._events:
                cursor.executemany(_INSERT_EVENT, self._events)
            if self._hooks:
                cursor.executemany(_INSERT_HOOK, self._hooks)
            if tips:
                rows = [(t.seq, t.messages, t.digest, now, db_uuid(t.session_id), t.stored) for t in tips]
                cursor.executemany(_UPDATE_TIP, rows)
                self._expect(cursor.rowcount, len(tips))
            if heads:
                cursor.executemany(_UPDATE_HEAD, [(h.number, now, db_uuid(h.conversation_id), h.stored) for h in heads])
                self._expect(cursor.rowcount, len(heads))
        return Effects(pokes=frozenset(h.conversation_id for h in heads), wake_hooks=bool(self._hooks))

    @staticmethod
    def _expect(changed: int, wanted: int) -> None:
        if changed != wanted:
            raise IntegrityError(f"{wanted - changed} of {wanted} rows moved under the lock")


INSERT_ENTRY = (
    "INSERT INTO sessions_app_entry (session_id, seq, kind, role, text, data, run_id, message_no, digest, created_at) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_INSERT_EVENT = (
    "INSERT INTO sessions_app_event (conversation_id, number, type, payload, created_at) VALUES (%s, %s, %s, %s, %s)"
)
_INSERT_HOOK = (
    "INSERT INTO sessions_app_hookevent (event_id, type, session_id, session_key, span_id, payload, created_at) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
_UPDATE_TIP = "UPDATE sessions_app_session SET last_seq = %s, messages = %s, digest = %s, last_entry_at = %s WHERE id = %s AND last_seq = %s"
_UPDATE_HEAD = "UPDATE sessions_app_conversation SET last_event = %s, updated_at = %s WHERE id = %s AND last_event = %s"
