"""Checkpoints of a conversation, those of archived sessions too."""

from __future__ import annotations

from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import Checkpoint
from sessions_app.selectors.archives import UNCHANGED, comes_back, steps_aside
from sessions_app.selectors.keyset import newest_page
from sessions_app.selectors.lineage import entry_at
from sessions_app.selectors.places import checkpoint_in, session_current
from sessions_app.selectors.reading import reading_require
from sessions_app.selectors.wire import page_size, wire_time
from sessions_app.values import PAGE_MAX_ROWS, Actor, Json


def checkpoint_json(checkpoint: Checkpoint) -> Json:
    """{checkpointId, sessionId, seq, kind, label, createdAt, actor, trigger}."""
    return {
        "checkpointId": str(checkpoint.pk),
        "sessionId": str(checkpoint.session_id),
        "seq": checkpoint.seq,
        "kind": checkpoint.kind,
        "label": checkpoint.label,
        "createdAt": wire_time(checkpoint.created_at),
        "actor": checkpoint.actor,
        "trigger": checkpoint.trigger,
    }


def checkpoint_list(actor: Actor, *, session_key: str, limit: int = PAGE_MAX_ROWS, cursor: str = "") -> Json:
    """The checkpoints of a conversation, newest first. Three queries.

    Returns:
        {checkpoints: [checkpoint_json], nextCursor}.
    """
    conversation = access.conversation(actor, Action.VIEW, session_key)
    rows = Checkpoint.objects.filter(conversation=conversation)
    page, next_cursor = newest_page(rows, "created_at", limit=page_size(limit), cursor=cursor)
    return {"checkpoints": [checkpoint_json(row) for row in page], "nextCursor": next_cursor}


def checkpoint_preview(actor: Actor, *, session_key: str, checkpoint_id: UUID) -> Json:
    """What restoring a checkpoint would bring back, put aside and leave alone. About nine queries.

    Returns:
        {sessionKey, checkpointId, sessionId, seq, label, comesBack, stepsAside, unchanged}.

    Raises:
        NotFoundError: no such checkpoint in this conversation.
        ReasonRequiredError: as `reading_require`.
    """
    conversation = access.conversation(actor, Action.VIEW, session_key)
    checkpoint = checkpoint_in(conversation, checkpoint_id)
    reading_require(actor, conversation, checkpoint.session_id)
    entry = entry_at(checkpoint.session, checkpoint.seq)
    return {
        "sessionKey": session_key,
        "checkpointId": str(checkpoint.pk),
        "sessionId": str(checkpoint.session_id),
        "seq": checkpoint.seq,
        "label": checkpoint.label,
        "comesBack": comes_back(checkpoint.session, checkpoint.seq, entry.message_no),
        "stepsAside": steps_aside(session_current(conversation)),
        "unchanged": list(UNCHANGED),
    }
