"""Rows inside a conversation whose actor was asked already: its sessions and checkpoints. One query each."""

from __future__ import annotations

from uuid import UUID

from sessions_app.errors import NotFoundError
from sessions_app.models import Checkpoint, Conversation, Session


def session_current(conversation: Conversation) -> Session:
    """The current session of a conversation, as it is stored now."""
    current = conversation.current_session_id
    assert current is not None, "a conversation has a current session from its first transaction on"
    return Session.objects.get(pk=current)


def session_in(conversation: Conversation, session_id: UUID) -> Session:
    """A session of a conversation, current or archived.

    Raises:
        NotFoundError: the conversation has no such session.
    """
    session = Session.objects.filter(pk=session_id, conversation=conversation).first()
    if session is None:
        raise NotFoundError("There is no such session in this conversation.", sessionId=str(session_id))
    return session


def checkpoint_in(conversation: Conversation, checkpoint_id: UUID) -> Checkpoint:
    """A checkpoint of a conversation, with its session.

    Raises:
        NotFoundError: the conversation has no such checkpoint.
    """
    checkpoint = (
        Checkpoint.objects.select_related("session").filter(pk=checkpoint_id, conversation=conversation).first()
    )
    if checkpoint is None:
        raise NotFoundError("There is no such checkpoint in this conversation.", checkpointId=str(checkpoint_id))
    return checkpoint
