"""Importing from another Holdfast: the conversations, which session is current, and the audit events of there (docs/export.md).

Each verb may be repeated: what is there already is left as it is. Whoever drives them is `runtime/transfer`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError, NotFoundError
from sessions_app.models import AuditEvent, Conversation, ImportedAudit, ImportedConversation, Run, Session
from sessions_app.services._pointer import pointer_import, pointer_place
from sessions_app.services.audit import audit_record
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import (
    KEY_MAX_CHARS,
    NO_EFFECTS,
    SESSION_KEY,
    TITLE_MAX_CHARS,
    Answer,
    AuditType,
    Call,
    ConversationKind,
    Json,
    StartReason,
)

_WORDS = ("title", "kind", "agent", "pinned", "locked", "createdAt", "updatedAt")
_HASH = re.compile(r"[0-9a-f]{64}")


@verb(audit=AuditType.SESSION_IMPORTED)
def imported_conversation_open(
    call: Call, *, facts: Json, owner_id: int, current: UUID | None, is_first: bool = False
) -> Answer:
    """Find or make the conversation of imported sessions.

    A new one begins with an empty session of its own, which is set aside when `current` is here; with `is_first` it is made without
    one, and waits for `session_import` to place it. One that is here and was never used is treated as new.

    Args:
        call: who, by which way; needs `manage`.
        facts: its line in the export.
        owner_id: whose it becomes when it is new.
        current: the session that shall be current in the end, by its id here; None for "as it is".
        is_first: `current` is imported next, before any other of this conversation.

    Returns:
        {sessionKey, isNew}.

    Raises:
        InvalidParamsError: the line is none that an export has.

    Writes: Conversation +1, Session +1, ImportedConversation +1, AuditEvent +1; nothing when it is there and used.
    """
    access.require(call.actor, Action.MANAGE)
    words = _checked(facts)
    key = facts["key"]
    found = Conversation.objects.select_for_update().filter(key=key).first()
    if found is None:
        found = Conversation.objects.create(key=key, owner_id=owner_id, session_count=1, **words)
        first = current if is_first and current is not None else None
        session = _first_session(call, found, first)
        pointer_place(found, session)
        aside = None if first else session.pk
        is_new = True
    elif not ImportedConversation.objects.filter(pk=found.pk).exists() and _is_unused(found):
        aside, is_new = found.current_session_id, False
        if current is None:
            Conversation.objects.filter(pk=found.pk).update(**words)
    else:
        return {"sessionKey": key, "isNew": False}, NO_EFFECTS
    ImportedConversation.objects.create(
        conversation=found,
        owner_name=facts["owner"],
        given_to=found.owner_id,
        facts={name: facts[name] for name in _WORDS},
        wants_current=current,
        set_aside=aside,
    )
    told = {"what": "conversation", "ownerThere": facts["owner"]}
    audit_record(call, AuditType.SESSION_IMPORTED, session_key=key, new_session_id=current, data=told)
    return {"sessionKey": key, "isNew": is_new}, NO_EFFECTS


def _checked(facts: Json) -> Json:
    """The columns of a conversation's line."""
    try:
        key, owner = str(facts["key"]), str(facts["owner"])
        words: Json = {
            "title": str(facts["title"])[:TITLE_MAX_CHARS],
            "kind": ConversationKind(facts["kind"]),
            "agent": str(facts["agent"])[:100],
            "pinned": bool(facts["pinned"]),
            "locked": bool(facts["locked"]),
            "created_at": datetime.datetime.fromisoformat(facts["createdAt"]),
            "updated_at": datetime.datetime.fromisoformat(facts["updatedAt"]),
        }
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidParamsError("A conversation in the export is not as an export has it.", field="file") from error
    if len(key) > KEY_MAX_CHARS or not SESSION_KEY.fullmatch(key) or len(owner) > 150 or "\x00" in words["title"]:
        raise InvalidParamsError(f"{key[:80]} is no session key.", field="file")
    return words


def _first_session(call: Call, conversation: Conversation, session_id: UUID | None) -> Session:
    """The session a new conversation begins with: an empty one; the imported one is filled by `session_import`."""
    words: Json = {"pk": session_id} if session_id is not None else {}
    return Session.objects.create(
        conversation=conversation,
        started_at=timezone.now(),
        start_reason=StartReason.IMPORT,
        start_actor=call.actor.label,
        start_trigger=call.trigger,
        **words,
    )


def _is_unused(conversation: Conversation) -> bool:
    """Whether there is nothing in a conversation but the empty session it began with."""
    sessions = list(Session.objects.filter(conversation=conversation)[:2])
    is_empty = len(sessions) == 1 and sessions[0].last_seq == 0 and sessions[0].pk == conversation.current_session_id
    return is_empty and not Run.objects.filter(session=sessions[0]).exists()


@verb(audit=AuditType.SESSION_IMPORTED)
def imported_current_make(call: Call, *, key: str, current: UUID | None) -> Answer:
    """Make the session current that was current elsewhere, if nobody used the conversation here.

    Args:
        call: who, by which way; needs `manage`.
        key: of the conversation.
        current: the session that is current there, by its id here.

    Returns:
        {sessionKey, moved, isArchived}; `isArchived` when what was current there is an archive here.

    Writes: as `_pointer.pointer_import`; Conversation, ImportedConversation.
    """
    access.require(call.actor, Action.MANAGE)
    conversation = Conversation.objects.select_for_update().filter(key=key).first()
    if conversation is None:
        raise NotFoundError(f"There is no conversation {key[:80]}.", sessionKey=key[:200])
    there = conversation.current_session_id
    answer: Json = {"sessionKey": key, "moved": False, "isArchived": current is not None and there != current}
    row = ImportedConversation.objects.filter(pk=conversation.pk, wants_current__isnull=False).first()
    if row is None:
        return answer, NO_EFFECTS
    wanted = Session.objects.filter(pk__in=[row.wants_current], imported__is_whole=True).first()
    ImportedConversation.objects.filter(pk=row.pk).update(wants_current=None)
    aside = Session.objects.filter(pk__in=[there], last_seq=0).first() if there == row.set_aside else None
    if wanted is None or aside is None or Run.objects.filter(session=aside).exists():
        return answer, NO_EFFECTS
    journal = Journal()
    pointer_import(call, journal, conversation, aside, wanted)
    effects = journal.write()
    words = _checked({**row.facts, "key": key, "owner": row.owner_name})
    Conversation.objects.filter(pk=conversation.pk).update(**words)
    return {**answer, "moved": True, "isArchived": False}, effects


@verb(audit=AuditType.SESSION_IMPORTED)
def audit_import(call: Call, *, rows: Sequence[Json]) -> Answer:
    """Keep audit events of another place, word for word; those that are here already, by their hash, are left out.

    Args:
        call: who, by which way; needs `manage`.
        rows: few; columns of `ImportedAudit`.

    Returns:
        {new}: how many were not here.

    Writes: ImportedAudit up to one a row.
    """
    access.require(call.actor, Action.MANAGE)
    if not all(_HASH.fullmatch(str(row["hash"])) and isinstance(row["session_key"], str) for row in rows):
        raise InvalidParamsError("An audit event in the export is not as an export has it.", field="file")
    hashes = [row["hash"] for row in rows]
    known = set(AuditEvent.objects.filter(hash__in=hashes).values_list("hash", flat=True))
    known |= set(ImportedAudit.objects.filter(hash__in=hashes).values_list("hash", flat=True))
    new = {row["hash"]: ImportedAudit(**row) for row in rows if row["hash"] not in known}
    ImportedAudit.objects.bulk_create(new.values())
    return {"new": len(new)}, NO_EFFECTS
