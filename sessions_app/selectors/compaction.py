"""What a compaction would summarise: everything up to where answers still run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Min

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import ForbiddenError, InvalidParamsError, SessionMovedError
from sessions_app.models import Conversation, Receipt, Run, Session
from sessions_app.selectors.context import ContextEntry, context_messages
from sessions_app.selectors.damage import damage_refuse
from sessions_app.selectors.places import session_current
from sessions_app.selectors.summaries import summary_newest
from sessions_app.values import OPEN_RUN_STATES, Actor, ConversationKind, Json, Role

NOTHING = (
    "There is nothing to summarise in this session yet: nothing was said since it began or since its last summary."
)


@dataclass(frozen=True, slots=True)
class CompactionPlan:
    """What shall be summarised, as it stands when the summary is begun.

    Attributes:
        session_key, session_id: whose.
        agent: name of the agent that answers there.
        covers_seq: the summary stands for all entries up to this one.
        messages: what the model is shown of them, oldest first.
        unread: older messages that were too many to be read.
    """

    session_key: str
    session_id: UUID
    agent: str
    covers_seq: int
    messages: list[ContextEntry]
    unread: int


def compaction_plan(
    actor: Actor, *, session_key: str, session_id: UUID | None = None, max_bytes: Callable[[str], int]
) -> CompactionPlan:
    """What a compaction of a conversation's current session would summarise. About ten queries, more for long contexts.

    An answer that is being written, or waited for, is not touched: the summary ends before the oldest such question.

    Args:
        actor: who asks.
        session_key: the conversation.
        session_id: the session the caller believes to be current; None for whichever is.
        max_bytes: how much text of a session is read for an agent of this name.

    Raises:
        SessionMovedError: another session is current.
        InvalidParamsError: there is nothing to summarise.
        NotFoundError, ForbiddenError, UnauthenticatedError: as `access.conversation`; the session is damaged; a scheduled job's record.
    """
    conversation = access.conversation(actor, Action.COMPACT, session_key)
    session = session_to_compact(conversation, session_id)
    open_runs = Run.objects.filter(session=session, state__in=OPEN_RUN_STATES)
    first_open = open_runs.aggregate(first=Min("input_seq"))["first"]
    covers = session.last_seq if first_open is None else first_open - 1
    newest = summary_newest(session.pk)
    if newest is not None and newest.covers >= covers:
        raise InvalidParamsError(NOTHING, sessionKey=session_key, sessionId=str(session.pk))
    messages, unread = context_messages(session.pk, covers + 1, max_bytes=max_bytes(conversation.agent), until=covers)
    if all(message.role is Role.SYSTEM for message in messages):
        raise InvalidParamsError(NOTHING, sessionKey=session_key, sessionId=str(session.pk))
    return CompactionPlan(session_key, session.pk, conversation.agent, covers, messages, unread)


def session_to_compact(conversation: Conversation, session_id: UUID | None) -> Session:
    """The current session of a conversation, if it is the one meant and can be written into. One query.

    Raises:
        SessionMovedError: another session is current; nothing was written.
        ForbiddenError: it is damaged, or the record of a scheduled job.
    """
    session = session_current(conversation)
    if session_id is not None and session.pk != session_id:
        raise SessionMovedError(sessionKey=conversation.key, oldSessionId=str(session_id), newSessionId=str(session.pk))
    if conversation.kind == ConversationKind.CRON:
        raise ForbiddenError("This is the record of a scheduled job: it can be read and exported, not summarised.")
    damage_refuse(conversation.key, session.pk, session.damaged_from, session.damage)
    return session


def receipt_kept(actor_ref: str, request_id: str) -> Json | None:
    """What this request of this actor was answered before; None for a new one. One query, none without an id."""
    rows = Receipt.objects.filter(actor=actor_ref, request_id=request_id) if request_id else Receipt.objects.none()
    return rows.values_list("answer", flat=True).first()
