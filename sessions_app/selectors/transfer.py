"""What an export takes along: which sessions, and what is known of them and their conversations (docs/export.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import (
    AdoptedStrand,
    AuditEvent,
    Conversation,
    ImportedAudit,
    ImportedConversation,
    ImportedSession,
    Session,
)
from sessions_app.selectors.audit_chain import AUDIT_COLUMNS
from sessions_app.values import Actor, AuditType, Json, Trigger

AT_ONCE = 500
# who read, copied or brought something says nothing of what it is, and would make every export differ from the one before
LEFT_OUT = (AuditType.SESSION_OPENED, AuditType.SESSION_EXPORTED, AuditType.SESSION_IMPORTED)


@dataclass(frozen=True, slots=True)
class Choice:
    """What shall be exported.

    Attributes:
        sessions: with all their ancestors, in order of their ids.
        whole: ids of conversations that are taken with all they have, so that it can be said which session is current.
        entries: how many positions of their own they have.
    """

    sessions: list[UUID]
    whole: frozenset[UUID]
    entries: int


def export_choice(
    actor: Actor, *, session_id: UUID | None = None, session_key: str = "", with_originals: bool = False
) -> Choice:
    """The sessions of one wish: a session, a key, or (without either) everything. A few queries, one more for each generation of branches.

    Args:
        actor: who asks; needs `export` for what others own. Ancestors of others' conversations are asked for when it is recorded.
        session_id: only this session, and what it continues.
        session_key: all sessions of this conversation, and what they continue.
        with_originals: what their original lines continue is taken along too.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access`.
    """
    rows, whole = Session.objects.all(), frozenset[UUID]()
    if session_id is not None:
        rows = rows.filter(pk=access.session(actor, Action.EXPORT, session_id).pk)
    elif session_key:
        whole = frozenset({access.conversation(actor, Action.EXPORT, session_key).pk})
        rows = rows.filter(conversation__in=whole)
    else:
        access.require(actor, Action.EXPORT)
        whole = frozenset(Conversation.objects.values_list("pk", flat=True))
    aside = set(ImportedConversation.objects.exclude(set_aside=None).values_list("set_aside", flat=True))
    found: dict[UUID, int] = {}
    waiting = _own(rows)
    while waiting:
        found |= {pk: count for pk, (count, last) in waiting.items() if last or pk not in aside}
        missing = _continued(list(waiting), with_originals=with_originals) - set(found)
        waiting = {}
        for some in _chunks(sorted(missing)):
            waiting |= _own(Session.objects.filter(pk__in=some))
    return Choice(sorted(found), whole, sum(found.values()))


def _own(rows: Any) -> dict[UUID, tuple[int, int]]:
    """(positions of their own, last position) of some sessions."""
    facts = rows.values_list("pk", "parent_seq", "last_seq").iterator(chunk_size=2000)
    return {pk: (last - before, last) for pk, before, last in facts}


def _continued(ids: list[UUID], *, with_originals: bool) -> set[UUID]:
    """The sessions that these continue."""
    found: set[UUID] = set()
    for some in _chunks(ids):
        found |= set(Session.objects.filter(pk__in=some, parent__isnull=False).values_list("parent_id", flat=True))
        if with_originals:
            strands = AdoptedStrand.objects.filter(session__in=some, parent__session__isnull=False)
            found |= set(strands.values_list("parent__session_id", flat=True))
    return found


def sessions_facts(ids: Iterable[UUID]) -> Iterator[tuple[Json, UUID]]:
    """What is known of sessions before their entries are read, and their conversations. Two queries for each AT_ONCE sessions.

    A session that only an import put into the archives is open where it came from, and so it is here.
    """
    for some in _chunks(list(ids)):
        rows = Session.objects.filter(pk__in=some).select_related("conversation", "imported").order_by("pk")
        for row in rows:
            yield _session(row), row.conversation_id


def _session(row: Session) -> Json:
    came: ImportedSession | None = getattr(row, "imported", None)
    is_open = row.ended_at is None or (came is not None and came.was_open and row.end_trigger == Trigger.IMPORT)
    return {
        "type": "session",
        "id": str(row.pk),
        "key": row.conversation.key,
        "parent": str(row.parent_id) if row.parent_id else None,
        "parentSeq": row.parent_seq,
        "startedAt": row.started_at.isoformat(),
        "startReason": row.start_reason,
        "startActor": row.start_actor,
        "startTrigger": row.start_trigger,
        "endedAt": None if is_open or row.ended_at is None else row.ended_at.isoformat(),
        "endReason": "" if is_open else row.end_reason,
        "endActor": "" if is_open else row.end_actor,
        "endTrigger": "" if is_open else row.end_trigger,
        "archivedSeq": row.archived_seq,
        "archivedDigest": row.archived_digest,
        "lastSeq": row.last_seq,
        "damagedFrom": row.damaged_from,
        "damage": row.damage,
    }


def conversations_facts(choice: Choice) -> list[Json]:
    """What is known of the conversations of a choice, in order of their keys. A few queries.

    `current` is None unless all of the conversation is taken, and that session with it.
    """
    taken = set(choice.sessions)
    owners: set[UUID] = set(choice.whole)
    for some in _chunks(choice.sessions):
        owners |= set(Session.objects.filter(pk__in=some).values_list("conversation_id", flat=True))
    found = []
    for some in _chunks(sorted(owners)):
        rows = Conversation.objects.filter(pk__in=some).select_related("owner", "imported")
        found += [_conversation(row, is_whole=row.pk in choice.whole, taken=taken) for row in rows]
    return sorted(found, key=lambda row: str(row["key"]))


def _conversation(row: Conversation, *, is_whole: bool, taken: set[UUID]) -> Json:
    came: ImportedConversation | None = getattr(row, "imported", None)
    is_given = came is not None and came.given_to == row.owner_id
    current = row.current_session_id if is_whole and row.current_session_id in taken else None
    return {
        "key": row.key,
        "title": row.title,
        "kind": row.kind,
        "agent": row.agent,
        "owner": came.owner_name if came is not None and is_given else row.owner.get_username(),
        "pinned": row.pinned,
        "locked": row.locked,
        "createdAt": row.created_at.isoformat(),
        "updatedAt": row.updated_at.isoformat(),
        "current": str(current) if current else None,
    }


def audit_lines(keys: Iterable[str], taken: set[UUID]) -> Iterator[Json | str]:
    """Audit events of sessions, by key: those that were imported (their lines), then those of this place. Pages of AT_ONCE rows.

    An event belongs to an export when it names one of its sessions, or only their conversation.
    """
    for key in keys:
        last = 0
        while page := list(ImportedAudit.objects.filter(session_key=key, pk__gt=last).order_by("pk")[:AT_ONCE]):
            yield from (row.line for row in page if _belongs(row, taken))
            last = page[-1].pk
        last = 0
        rows = AuditEvent.objects.filter(session_key=key)
        while events := list(rows.filter(seq__gt=last).order_by("seq")[:AT_ONCE]):
            yield from (_event(row) for row in events if row.type not in LEFT_OUT and _belongs(row, taken))
            last = events[-1].seq


def _belongs(row: AuditEvent | ImportedAudit, taken: set[UUID]) -> bool:
    named = {pk for pk in (row.old_session_id, row.new_session_id) if pk is not None}
    return not named or bool(named & taken)


def _event(row: AuditEvent) -> Json:
    words = {name: getattr(row, name) for name in AUDIT_COLUMNS}
    return {**words, "created_at": row.created_at.isoformat(), "hash": row.hash}


def sessions_by_key(ids: Iterable[UUID]) -> dict[str, list[UUID]]:
    """Which of these sessions belong to which key. One query for each AT_ONCE of them."""
    found: dict[str, list[UUID]] = {}
    for some in _chunks(list(ids)):
        rows = Session.objects.filter(pk__in=some).order_by("pk").values_list(F("conversation__key"), "pk")
        for key, pk in rows:
            found.setdefault(key, []).append(pk)
    return found


def _chunks(ids: list[UUID]) -> Iterator[list[UUID]]:
    return (ids[begin : begin + AT_ONCE] for begin in range(0, len(ids), AT_ONCE))
