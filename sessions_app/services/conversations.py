"""Making and changing conversations: the names people and programs talk under."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import Any

from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import Conversation, Session
from sessions_app.selectors.conversations import conversation_row
from sessions_app.services._pointer import pointer_place
from sessions_app.services._text import line_checked
from sessions_app.services.audit import audit_record
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import (
    KEY_MAX_CHARS,
    SESSION_KEY,
    TITLE_MAX_CHARS,
    Answer,
    AuditType,
    Call,
    ConversationKind,
    Effects,
    EventType,
    StartReason,
)

_SLUG_MAX_CHARS = 60


def key_slug(name: str) -> str:
    """The last part of a session key made from a name: small ASCII letters, digits and dashes; "chat" when nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_MAX_CHARS].strip("-") or "chat"


def key_free(agent: str, name: str) -> str:
    """A session key that is not taken: `agent:<agent>:<slug>`, with a number behind it when the plain one is. Needs a transaction."""
    stem = f"agent:{agent}:{key_slug(name)}"
    taken = set(Conversation.objects.filter(key__startswith=stem).values_list("key", flat=True))
    return next(key for key in itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2))) if key not in taken)


def conversation_add(
    call: Call,
    *,
    key: str,
    owner_id: int,
    title: str = "",
    agent: str = "main",
    kind: ConversationKind = ConversationKind.CHAT,
) -> Conversation:
    """Insert a conversation with its first, empty session, and its audit row. Needs a transaction; asks no permission.

    Returns:
        The conversation, with `current_session` set.
    """
    now = timezone.now()
    conversation = Conversation.objects.create(
        key=key, title=title, agent=agent, kind=kind, owner_id=owner_id, created_at=now, updated_at=now, session_count=1
    )
    session = Session.objects.create(
        conversation=conversation,
        started_at=now,
        start_reason=StartReason.NEW,
        start_actor=call.actor.label,
        start_trigger=call.trigger,
    )
    pointer_place(conversation, session)
    audit_record(
        call,
        AuditType.CONVERSATION_CREATED,
        session_key=key,
        new_session_id=session.pk,
        data={"title": title, "agent": agent},
    )
    return conversation


@verb(audit=AuditType.CONVERSATION_CREATED)
def conversation_create(call: Call, *, title: str = "", agent: str = "main", session_key: str = "") -> Answer:
    """Make a conversation of one's own.

    Args:
        call: who, by which way; `request_id` makes a repeat safe.
        title: what people call it.
        agent: section of agents.toml that answers in it.
        session_key: wanted key, e.g. `agent:main:invoices`; made from the title without one.

    Returns:
        {sessionKey, sessionId}.

    Raises:
        InvalidParamsError: the key has another form, another agent, or is taken.
        ForbiddenError, UnauthenticatedError: as `access.require`.

    Writes: Conversation +1, Session +1, AuditEvent +1.
    """
    owner_id = call.actor.user_id
    access.require(call.actor, Action.CREATE, owner_id)
    if owner_id is None:
        raise InvalidParamsError("A conversation needs an owner; the system has none.")
    title = line_checked(title, name="title", max_chars=TITLE_MAX_CHARS)
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,60}", agent):
        raise InvalidParamsError("An agent's name is small letters, digits, dots and dashes.", field="agent")
    key = session_key or key_free(agent, title)
    if len(key) > KEY_MAX_CHARS or not SESSION_KEY.fullmatch(key) or key.split(":")[1] != agent:
        raise InvalidParamsError(f"A session key looks like agent:{agent}:my-topic.", field="sessionKey")
    if Conversation.objects.filter(key=key).exists():
        raise InvalidParamsError(f"The key {key} is taken. Choose another, or leave it out.", field="sessionKey")
    conversation = conversation_add(call, key=key, owner_id=owner_id, title=title, agent=agent)
    return {"sessionKey": key, "sessionId": str(conversation.current_session_id)}, Effects()


@verb(audit=AuditType.CONVERSATION_CHANGED)
def conversation_patch(
    call: Call, *, session_key: str, title: str | None = None, pinned: bool | None = None, locked: bool | None = None
) -> Answer:
    """Change title, pin or lock; what is None stays. Who may reset a conversation may lock it.

    Returns:
        The conversation, as `sessions.list` has it.

    Raises:
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`.

    Writes: Conversation, AuditEvent +1, Event +1; nothing when nothing changes.
    """
    is_lock_only = locked is not None and title is None and pinned is None
    action = Action.RESET if is_lock_only else Action.CHANGE
    conversation = access.conversation(call.actor, action, session_key, lock=True)
    if title is not None:
        title = line_checked(title, name="title", max_chars=TITLE_MAX_CHARS)
    wanted: dict[str, Any] = {"title": title, "pinned": pinned, "locked": locked}
    changes = {
        name: value for name, value in wanted.items() if value is not None and value != getattr(conversation, name)
    }
    if not changes:
        return conversation_row(conversation), Effects()
    before = {name: getattr(conversation, name) for name in changes}
    Conversation.objects.filter(pk=conversation.pk).update(**changes)
    audit_record(
        call, AuditType.CONVERSATION_CHANGED, session_key=session_key, data={"before": before, "after": changes}
    )
    journal = Journal()
    for name, value in changes.items():
        setattr(conversation, name, value)
    now = {"title": conversation.title, "pinned": conversation.pinned, "locked": conversation.locked}
    journal.event(journal.head_of(conversation), EventType.CONVERSATION_CHANGED, now)
    effects = journal.write()
    conversation.refresh_from_db(fields=["last_event", "updated_at"])
    return conversation_row(conversation), effects
