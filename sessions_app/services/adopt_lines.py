"""Adopted lines into a session: one batch a transaction, entries and original bytes together."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, connection
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import AdoptedBlock, AdoptedPlace, AdoptedSource, AdoptedStrand, Conversation
from sessions_app.services._adopt_rows import Tail, block_packed, entry_rows
from sessions_app.services._sql import db_time, db_uuid
from sessions_app.services.journal import INSERT_ENTRY
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, Call
from sessions_app.values.adoption import AdoptedLine, SourceFacts

BATCH_MAX_LINES = 190  # with session, strand, block and their like: at most 200 rows a transaction
_UPDATE_SESSION = """UPDATE sessions_app_session SET last_seq = %s, messages = %s, digest = %s, last_entry_at = %s,
    archived_seq = CASE WHEN ended_at IS NULL THEN archived_seq ELSE %s END,
    archived_digest = CASE WHEN ended_at IS NULL THEN archived_digest ELSE %s END WHERE id = %s AND last_seq = %s"""


@verb()
def lines_adopt(call: Call, *, strand_id: int, first: int, lines: Sequence[AdoptedLine]) -> Answer:
    """Append the next lines of a strand to its session, and keep their bytes.

    Args:
        call: who, by which way; needs `manage`.
        strand_id: from `adopt.adopted_strand_open`.
        first: number of the first of these lines in the strand, from 1; what is stored already is left out.
        lines: at most BATCH_MAX_LINES.

    Returns:
        {lines}: how many the strand has now.

    Raises:
        InvalidParamsError: lines before these are missing.

    Writes: Entry up to one a line, AdoptedBlock +1, Session, AdoptedStrand; one transaction.
    """
    access.require(call.actor, Action.MANAGE)
    strand = AdoptedStrand.objects.select_related("session").get(pk=strand_id)
    if strand.session is not None and not strand.is_trace:
        Conversation.objects.select_for_update().get(pk=strand.session.conversation_id)
        strand.session.refresh_from_db(fields=["last_seq", "messages", "digest"])
    new = list(lines)[max(0, strand.lines + 1 - first) :]
    if first > strand.lines + 1:
        raise InvalidParamsError(f"Line {strand.lines + 1:,} comes before line {first:,}.", field="first")
    if not new:
        return {"lines": strand.lines}, NO_EFFECTS
    seqs = [0] * len(new) if strand.is_trace else _entries_added(strand, new)
    places, content = block_packed(new, seqs)
    AdoptedBlock.objects.create(strand=strand, first=strand.lines + 1, lines=len(new), places=places, content=content)
    total = strand.lines + len(new)
    messages = strand.session.messages if strand.session else 0
    rows = AdoptedStrand.objects.filter(pk=strand_id, lines=strand.lines)
    if rows.update(lines=total, messages=messages) != 1:
        raise IntegrityError("the strand grew meanwhile")
    return {"lines": total}, NO_EFFECTS


def _entries_added(strand: AdoptedStrand, lines: list[AdoptedLine]) -> list[int]:
    """Insert the entries and move the session's tip; the seq of each line, 0 for those without an entry."""
    session = strand.session
    assert session is not None
    owner, stored = db_uuid(session.pk), session.last_seq
    tail = Tail(session.last_seq, session.messages, session.digest)
    rows, seqs = entry_rows(owner, tail, lines)
    session.last_seq, session.messages, session.digest = tail.seq, tail.messages, tail.digest
    if rows and tail.last_at is not None:
        tip = [tail.seq, tail.messages, tail.digest, db_time(tail.last_at), tail.seq, tail.digest]
        with connection.cursor() as cursor:
            cursor.executemany(INSERT_ENTRY, rows)
            cursor.execute(_UPDATE_SESSION, [*tip, owner, stored])
            if cursor.rowcount != 1:
                raise IntegrityError("the session moved under the lock")
    return seqs


@verb()
def sources_note(call: Call, *, store: str, sources: Sequence[SourceFacts]) -> Answer:
    """Write down files of a store: what became of each, and which strands' content lies in it. Few at a time.

    Returns:
        {sourceIds: [int]}, in the same order.

    Writes: AdoptedSource, AdoptedPlace; changed where they are there already.
    """
    access.require(call.actor, Action.MANAGE)
    now = timezone.now()
    rows = [
        AdoptedSource(
            store=store[-300:],
            path=each.path[-600:],
            kind=each.kind,
            agent=each.agent,
            size=each.size,
            accounts=each.accounts,
            adopted_at=now,
        )
        for each in sources
    ]
    changed = ["kind", "agent", "size", "accounts", "adopted_at"]
    rows = AdoptedSource.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["store", "path"], update_fields=changed
    )
    places = [
        AdoptedPlace(strand_id=strand_id, source_id=row.pk, fate=fate, lines=lines)
        for row, each in zip(rows, sources, strict=True)
        for strand_id, fate, lines in each.places
    ]
    if places:
        AdoptedPlace.objects.bulk_create(
            places, update_conflicts=True, unique_fields=["strand", "source"], update_fields=["fate", "lines"]
        )
    return {"sourceIds": [row.pk for row in rows]}, NO_EFFECTS
