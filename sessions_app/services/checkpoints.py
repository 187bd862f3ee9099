"""Checkpoints: bookmarks (session, seq) with a label. They copy nothing and survive every reset."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import Checkpoint, Conversation
from sessions_app.selectors.checkpoints import checkpoint_json
from sessions_app.selectors.lineage import entry_at
from sessions_app.selectors.places import checkpoint_in, session_in
from sessions_app.services._text import line_checked
from sessions_app.services.audit import audit_record
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import LABEL_MAX_CHARS, Answer, AuditType, Call, EventType, Json


@verb(audit=AuditType.CHECKPOINT_CREATED)
def checkpoint_create(
    call: Call, *, session_key: str, session_id: UUID, seq: int | None = None, label: str = ""
) -> Answer:
    """Bookmark an entry of any session of a conversation, current or archived.

    Args:
        call: who, by which way; `request_id` makes a repeat safe.
        session_key: the conversation.
        session_id: the session.
        seq: the entry; the newest without one.
        label: a name people recognise.

    Returns:
        {checkpointId, sessionId, seq, kind, label, createdAt, actor, trigger}.

    Raises:
        NotFoundError: no such session in this conversation.
        InvalidParamsError: the session has no such entry, or none yet.

    Writes: Checkpoint +1, AuditEvent +1, Event +1.
    """
    conversation = access.conversation(call.actor, Action.CHECKPOINT, session_key, lock=True)
    session = session_in(conversation, session_id)
    entry = entry_at(session, session.last_seq if seq is None else seq)
    checkpoint = Checkpoint.objects.create(
        conversation=conversation,
        session=session,
        seq=entry.seq,
        label=line_checked(label, name="label", max_chars=LABEL_MAX_CHARS),
        actor=call.actor.label,
        trigger=call.trigger,
        created_at=timezone.now(),
    )
    Conversation.objects.filter(pk=conversation.pk).update(checkpoint_count=F("checkpoint_count") + 1)
    return _told(call, conversation, checkpoint, AuditType.CHECKPOINT_CREATED)


@verb(audit=AuditType.CHECKPOINT_CHANGED)
def checkpoint_rename(call: Call, *, session_key: str, checkpoint_id: UUID, label: str) -> Answer:
    """Give a checkpoint another label.

    Returns:
        The checkpoint, as `checkpoint_create`.

    Raises:
        NotFoundError: no such checkpoint in this conversation.
    """
    conversation = access.conversation(call.actor, Action.CHECKPOINT, session_key, lock=True)
    checkpoint = checkpoint_in(conversation, checkpoint_id)
    checkpoint.label = line_checked(label, name="label", max_chars=LABEL_MAX_CHARS)
    checkpoint.save(update_fields=["label"])
    return _told(call, conversation, checkpoint, AuditType.CHECKPOINT_CHANGED)


def _told(call: Call, conversation: Conversation, checkpoint: Checkpoint, audit_type: AuditType) -> Answer:
    facts: Json = {"checkpointId": str(checkpoint.pk), "seq": checkpoint.seq, "label": checkpoint.label}
    session_id = checkpoint.session_id
    audit_record(
        call, audit_type, session_key=conversation.key, old_session_id=session_id, new_session_id=session_id, data=facts
    )
    journal = Journal()
    journal.event(journal.head_of(conversation), EventType.CHECKPOINT_CHANGED, {**facts, "sessionId": str(session_id)})
    return checkpoint_json(checkpoint), journal.write()
