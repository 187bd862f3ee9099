"""Short transcripts, many at once: what `adopt` and `adopt_lines` do for one, set-based, because stores have thousands of them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import AdoptedBlock, AdoptedStrand, Conversation, Session
from sessions_app.services._adopt_rows import Tail, block_packed, entry_rows
from sessions_app.services._pointer import pointers_place
from sessions_app.services._sql import db_uuid, rows_insert
from sessions_app.services.audit import AuditRow, audit_record_many
from sessions_app.services.journal import INSERT_ENTRY
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, AuditType, Call, EndReason, Json, StartReason
from sessions_app.values.adoption import WholeSession


@verb()
def sessions_adopt(call: Call, *, owner_id: int, sessions: Sequence[WholeSession]) -> Answer:
    """Adopt transcripts that share their past with none, each whole, with the conversations of those that are first.

    Args:
        call: who, by which way; needs `manage`.
        owner_id: whose the new conversations become.
        sessions: few enough that their rows may be one transaction.

    Returns:
        {strandIds}: in the same order; None for one that must be adopted alone: its session id is taken, its conversation is
        there although it should be made with it, or is not there although it should.

    Writes: Conversation, Session, AdoptedStrand, AdoptedBlock, Entry, AuditEvent: as the single verbs.
    """
    access.require(call.actor, Action.MANAGE)
    keys = {each.key for each in sessions}
    rows = Conversation.objects.select_for_update().filter(key__in=keys)
    known: dict[str, UUID] = dict(rows.values_list("key", "pk"))
    taken = set(Session.objects.filter(pk__in=[each.session_id for each in sessions]).values_list("pk", flat=True))
    chosen: list[WholeSession] = []
    made: dict[str, Json] = {}
    for each in sessions:
        is_free = each.session_id not in taken
        if is_free and each.is_first and each.key not in known:
            made[each.key] = _conversation(each, owner_id)
            known[each.key] = made[each.key]["id"]
        elif not is_free or each.is_first or each.key not in known:
            continue
        taken.add(each.session_id)
        chosen.append(each)
    rows_insert(Conversation, list(made.values()))
    ids = dict(zip([each.session_id for each in chosen], _stored(call, chosen, known), strict=True))
    firsts = [(known[each.key], each.session_id) for each in chosen if each.is_first]
    pointers_place(firsts)
    _counted(chosen)
    audit_record_many(call, [row for each in chosen for row in _audit_rows(each)])
    return {"strandIds": [ids.get(each.session_id) for each in sessions]}, NO_EFFECTS


def _conversation(each: WholeSession, owner_id: int) -> Json:
    now = timezone.now()
    updated_at = min(each.updated_at, now) if each.updated_at is not None else now
    row: Json = {"id": uuid.uuid4(), "key": each.key, "title": each.title, "agent": each.agent, "kind": each.kind}
    return row | {"owner_id": owner_id, "created_at": now, "updated_at": updated_at, "session_count": 1}


def _stored(call: Call, chosen: list[WholeSession], known: dict[str, UUID]) -> list[int]:
    """Sessions, strands, entries and blocks.

    Returns:
        The ids of the strands.
    """
    sessions: list[Json] = []
    strands: list[Json] = []
    entries: list[tuple[Any, ...]] = []
    seqs: list[list[int]] = []
    for each in chosen:
        tail = Tail()
        rows, its_seqs = entry_rows(db_uuid(each.session_id), tail, each.lines)
        entries += rows
        seqs.append(its_seqs)
        sessions.append(_session(call, each, known[each.key], tail))
        strands.append(_strand(each, tail))
    rows_insert(Session, sessions)
    rows_insert(AdoptedStrand, strands)
    # the session of each is new, so it has this strand and no other
    made = AdoptedStrand.objects.filter(session_id__in=[each.session_id for each in chosen])
    numbers = dict(made.values_list("session_id", "pk"))
    ids = [numbers[each.session_id] for each in chosen]
    if entries:
        with connection.cursor() as cursor:
            cursor.executemany(INSERT_ENTRY, entries)
    blocks = []
    for strand_id, each, its_seqs in zip(ids, chosen, seqs, strict=True):
        if each.lines:
            places, content = block_packed(each.lines, its_seqs)
            count = len(each.lines)
            words = {"strand_id": strand_id, "first": 1, "lines": count}
            blocks.append({**words, "places": places, "content": content})
    rows_insert(AdoptedBlock, blocks)
    return ids


def _session(call: Call, each: WholeSession, conversation_id: UUID, tail: Tail) -> Json:
    strand = each.strand
    row: Json = {
        "id": each.session_id,
        "conversation_id": conversation_id,
        "started_at": strand.started_at,
        "start_reason": StartReason.IMPORT,
        "start_actor": call.actor.label,
        "start_trigger": call.trigger,
        "last_seq": tail.seq,
        "messages": tail.messages,
        "digest": tail.digest,
        "last_entry_at": tail.last_at,
    }
    if not each.is_first:
        row |= {"ended_at": strand.ended_at or strand.started_at, "end_reason": EndReason(strand.end_reason)}
        row |= {"end_trigger": call.trigger, "end_actor": call.actor.label}
        row |= {"archived_seq": tail.seq, "archived_digest": tail.digest}
    return row


def _strand(each: WholeSession, tail: Tail) -> Json:
    strand = each.strand
    return {
        "session_id": each.session_id,
        "source_id": each.source_id,
        "agent": strand.agent,
        "foreign_id": strand.foreign_id,
        "foreign_key": strand.foreign_key,
        "kind": strand.kind,
        "header": strand.header,
        "lines": len(each.lines),
        "messages": tail.messages,
        "facts": strand.facts,
        "created_at": timezone.now(),
    }


def _counted(chosen: list[WholeSession]) -> None:
    """Archives beside the session a conversation was made with, or of a conversation that was there."""
    counts: dict[str, int] = {}
    for each in chosen:
        if not each.is_first:
            counts[each.key] = counts.get(each.key, 0) + 1
    for key, count in counts.items():
        Conversation.objects.filter(key=key).update(session_count=F("session_count") + count)


def _audit_rows(each: WholeSession) -> list[AuditRow]:
    strand = each.strand
    rows = []
    if each.is_first:
        facts: Json = {"title": each.title, "agent": each.agent, "imported": True}
        rows.append(AuditRow(AuditType.CONVERSATION_CREATED, each.key, each.session_id, facts))
    reason = "" if each.is_first else strand.end_reason
    facts = {"foreignId": strand.foreign_id, "kind": strand.kind, "endReason": reason}
    return [*rows, AuditRow(AuditType.SESSION_ADOPTED, each.key, each.session_id, facts)]
