"""Rows of imported sessions: one part a transaction. The hash chain is computed again from what is written."""

from __future__ import annotations

import uuid
from uuid import UUID

from django.db import IntegrityError, connection
from django.db.models import F
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import (
    Checkpoint,
    Conversation,
    ImportedSession,
    Run,
    Session,
)
from sessions_app.selectors.transfer_rows import link_before
from sessions_app.services._import_lines import checkpoint_columns, entry_columns, run_columns, session_columns
from sessions_app.services._sql import db_time, db_uuid, rows_insert
from sessions_app.services.audit import audit_record
from sessions_app.services.journal import INSERT_ENTRY
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, AuditType, Call, EndReason, Json
from sessions_app.values.transfer import NAMESPACE, SessionPart

_MALFORMED = (KeyError, ValueError, TypeError, AttributeError)


@verb(audit=AuditType.SESSION_IMPORTED)
def session_import(call: Call, *, part: SessionPart) -> Answer:
    """Store a part of an exported session; its first makes the session, an archive unless its conversation waits for it.

    Args:
        call: who, by which way; needs `manage`.
        part: in order. With `after` -1 it only says what is there, and adds checkpoints to a session that is whole.

    Returns:
        {sessionId, lastSeq}: the newest position now.

    Raises:
        InvalidParamsError: the lines are not as an export has them; or somebody went on in the session meanwhile.

    Writes: Session, ImportedSession, Run, Entry, Checkpoint; AuditEvent +1 with the last part.
    """
    access.require(call.actor, Action.MANAGE)
    key = str(part.facts.get("key"))
    conversation = Conversation.objects.select_for_update().filter(key=key).first()
    if conversation is None:
        raise InvalidParamsError(f"There is no conversation {key[:80]} for it.", field="file")
    try:
        session = _session(call, conversation, part)
        if part.after >= 0:
            _rows_added(session, part)
        _checkpoints_added(session, part)
        if part.end is not None:
            _ended(call, session, part, part.end)
    except _MALFORMED as error:
        words = f"sessions/{part.source_id}.jsonl is not as an export has it: {type(error).__name__}."
        raise InvalidParamsError(words, field="file") from error
    return {"sessionId": str(session.pk), "lastSeq": session.last_seq}, NO_EFFECTS


def _session(call: Call, conversation: Conversation, part: SessionPart) -> Session:
    """The row of a session: as it is, or made."""
    session = Session.objects.filter(pk=part.session_id).first()
    came = ImportedSession.objects.filter(pk=part.session_id).first()
    if session is not None and (came is not None or conversation.current_session_id != session.pk or session.last_seq):
        if part.after >= 0 and (came is None or session.last_seq != part.after):
            raise InvalidParamsError(
                "Somebody wrote in it while it was imported. Import again: it comes under a new id."
            )
        if part.after >= 0 and came is not None and came.source_digest != part.source_digest:  # it went on there since
            ImportedSession.objects.filter(pk=came.pk).update(source_digest=part.source_digest, is_whole=False)
        session.conversation = conversation
        return session
    columns, was_open = session_columns(part.facts), part.facts["endedAt"] is None
    seq = columns["parent_seq"]
    link, messages = link_before(part.parent_id, seq) if part.parent_id is not None else ("", 0)
    columns |= {"last_seq": seq, "digest": link, "messages": messages, "parent_id": part.parent_id}
    if conversation.current_session_id == part.session_id:
        columns |= {"ended_at": None, "end_reason": "", "end_actor": "", "end_trigger": ""}
    elif was_open:
        by: Json = {"end_actor": call.actor.label, "end_trigger": call.trigger}
        columns |= {"ended_at": timezone.now(), "end_reason": EndReason.RESET, **by}
    if session is None:
        session = Session.objects.create(pk=part.session_id, conversation=conversation, **columns)
        Conversation.objects.filter(pk=conversation.pk).update(session_count=F("session_count") + 1)
    else:
        Session.objects.filter(pk=session.pk).update(**columns)
        session.refresh_from_db()
    ImportedSession.objects.create(
        session=session,
        source_id=part.source_id,
        source_digest=part.source_digest,
        was_open=was_open,
        imported_at=timezone.now(),
    )
    return session


def _rows_added(session: Session, part: SessionPart) -> None:
    """Insert runs and entries, and move the session's tip."""
    named = {row["id"]: _id_here(part, row["id"]) for row in part.runs}
    there = set(Run.objects.filter(pk__in=named.values()).values_list("pk", flat=True))
    runs = [run_columns(row, session.pk, lambda old: _id_here(part, old)) for row in part.runs]
    wanted = {row["retry_of_id"] for row in runs} - {row["id"] for row in runs} - {None}
    known = set(Run.objects.filter(pk__in=wanted).values_list("pk", flat=True)) | {row["id"] for row in runs}
    for row in runs:
        row["retry_of_id"] = row["retry_of_id"] if row["retry_of_id"] in known else None
        row["request_id"] = str(row["id"]) if part.is_renamed else row["request_id"]
    rows_insert(Run, [row for row in runs if row["id"] not in there])
    if not part.entries:
        return
    tail = (session.last_seq, session.messages, session.digest)
    rows, tail, last_at = entry_columns(
        part.entries, db_uuid(session.pk), tail, lambda old: _id_here(part, old), is_renamed=part.is_renamed
    )
    with connection.cursor() as cursor:
        cursor.executemany(INSERT_ENTRY, rows)
        cursor.execute(_UPDATE_TIP, [*tail, db_time(last_at), db_uuid(session.pk), session.last_seq])
        if cursor.rowcount != 1:
            raise IntegrityError("the session moved under the lock")
    session.last_seq, session.messages, session.digest = tail


def _id_here(part: SessionPart, old: str) -> UUID:
    """The id of a run or checkpoint: what it was, or another where the session's own was taken."""
    return uuid.uuid5(NAMESPACE, f"{part.session_id}/{UUID(old)}") if part.is_renamed else UUID(old)


def _checkpoints_added(session: Session, part: SessionPart) -> None:
    rows = [checkpoint_columns(row, session, _id_here(part, row["id"])) for row in part.checkpoints]
    there = set(Checkpoint.objects.filter(pk__in=[row["id"] for row in rows]).values_list("pk", flat=True))
    new = [row for row in rows if row["id"] not in there and row["seq"] <= session.last_seq]
    rows_insert(Checkpoint, new)
    if new:
        owner = Conversation.objects.filter(pk=session.conversation_id)
        owner.update(checkpoint_count=F("checkpoint_count") + len(new))


def _ended(call: Call, session: Session, part: SessionPart, end: Json) -> None:
    """The session is whole: what is left to say of it."""
    if session.last_seq != end["lastSeq"]:
        raise InvalidParamsError(f"It ends at entry {session.last_seq:,}, but should at {end['lastSeq']:,}.")
    damage = {"damaged_from": end["damagedFrom"], "damage": str(end["damage"])[:300]}
    Session.objects.filter(pk=session.pk).update(**damage)
    ImportedSession.objects.filter(pk=session.pk).update(is_whole=True)
    facts = {
        "what": "session",
        "sourceId": str(part.source_id),
        "entries": session.last_seq,
        "digest": part.source_digest,
    }
    audit_record(
        call, AuditType.SESSION_IMPORTED, session_key=session.conversation.key, new_session_id=session.pk, data=facts
    )


_UPDATE_TIP = "UPDATE sessions_app_session SET last_seq = %s, messages = %s, digest = %s, last_entry_at = %s WHERE id = %s AND last_seq = %s"
