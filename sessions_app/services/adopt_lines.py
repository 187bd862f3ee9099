"""Adopted lines into a session: one batch a transaction, entries and original bytes together."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import IntegrityError, connection
from django.utils import timezone

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import AdoptedBlock, AdoptedPlace, AdoptedSource
from sessions_app.services._adopt_rows import ReadyLines, Tail, lines_ready
from sessions_app.services._sql import as_uuid, db_time, db_uuid, rows_insert
from sessions_app.services.journal import INSERT_ENTRY
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, Call, Json
from sessions_app.values.adoption import AdoptedLine, SourceFacts

BATCH_MAX_LINES = 190  # with session, strand, block and their like: at most 200 rows a transaction
_UPDATE_SESSION = """UPDATE sessions_app_session SET last_seq = %s, messages = %s, digest = %s, last_entry_at = %s,
    archived_seq = CASE WHEN ended_at IS NULL THEN archived_seq ELSE %s END,
    archived_digest = CASE WHEN ended_at IS NULL THEN archived_digest ELSE %s END WHERE id = %s AND last_seq = %s"""

_LOCK = """SELECT id FROM sessions_app_conversation WHERE id = (SELECT se.conversation_id FROM sessions_app_adoptedstrand st
    JOIN sessions_app_session se ON se.id = st.session_id WHERE st.id = %s) FOR UPDATE"""
_STRAND = """SELECT st.is_trace, st.lines, st.messages, st.session_id, se.last_seq, se.messages, se.digest
    FROM sessions_app_adoptedstrand st LEFT JOIN sessions_app_session se ON se.id = st.session_id WHERE st.id = %s"""
_UPDATE_STRAND = "UPDATE sessions_app_adoptedstrand SET lines = %s, messages = %s WHERE id = %s AND lines = %s"

_SOURCE_CHANGED = """ON CONFLICT (store, path) DO UPDATE SET kind = excluded.kind, agent = excluded.agent, size = excluded.size,
    accounts = excluded.accounts, adopted_at = excluded.adopted_at"""
_PLACE_CHANGED = """ON CONFLICT (strand_id, source_id) DO UPDATE SET lines = excluded.lines,
    fate = CASE WHEN sessions_app_adoptedplace.fate = 'adopted' THEN 'adopted' ELSE excluded.fate END"""


@verb()
def lines_adopt(
    call: Call, *, strand_id: int, first: int, lines: Sequence[AdoptedLine], ready: ReadyLines | None = None
) -> Answer:
    """Append the next lines of a strand to its session, and keep their bytes.

    Args:
        call: who, by which way; needs `manage`.
        strand_id: from `adopt.adopted_strand_open`.
        first: number of the first of these lines in the strand, from 1; what is stored already is left out.
        lines: at most BATCH_MAX_LINES.
        ready: from `lines_prepared` for the same lines; used when nothing moved meanwhile.

    Returns:
        {lines, sessionId, lastSeq, messages, digest}: how many the strand has now, and its session's newest entry.

    Raises:
        InvalidParamsError: lines before these are missing.

    Writes: Entry up to one a line, AdoptedBlock +1, Session, AdoptedStrand; one transaction.
    """
    access.require(call.actor, Action.MANAGE)
    is_trace, there, session_id, tail = _locked(strand_id)
    new = list(lines)[max(0, there + 1 - first) :]
    if first > there + 1:
        raise InvalidParamsError(f"Line {there + 1:,} comes before line {first:,}.", field="first")
    if new:
        if ready is None or ready.before != tail or len(ready.lines) != len(new):
            ready = lines_ready(session_id and db_uuid(session_id), tail, new, is_trace=is_trace)
        _stored(strand_id, there, session_id, ready)
        tail = ready.after
    tip = {"sessionId": None if session_id is None else str(session_id), "lastSeq": tail.seq, "messages": tail.messages}
    return {"lines": there + len(new), **tip, "digest": tail.digest}, NO_EFFECTS


def _locked(strand_id: int) -> tuple[bool, int, UUID | None, Tail]:
    """Is it a trace, its lines, its session (None for a trace) and the newest entry there, which nobody moves until the end of the transaction.

    Short SQL: a store of a million lines comes here five thousand times.
    """
    with connection.cursor() as cursor:
        if connection.features.has_select_for_update:
            cursor.execute(_LOCK, [strand_id])
        cursor.execute(_STRAND, [strand_id])
        row = cursor.fetchone()
    if row is None:
        raise InvalidParamsError(f"There is no adopted strand {strand_id}.", field="strand_id")
    is_trace, there, messages, session_id, *tail = row
    if is_trace or session_id is None:
        return bool(is_trace), there, None, Tail(messages=messages)
    return False, there, as_uuid(session_id), Tail(*tail)


def lines_prepared(tip: Json, lines: Sequence[AdoptedLine]) -> ReadyLines:
    """Make the rows of the lines that come after a batch, while no transaction is open.

    Args:
        tip: what `lines_adopt` answered for the batch before.
        lines: the next ones.
    """
    before = Tail(tip["lastSeq"], tip["messages"], tip["digest"])
    owner = db_uuid(UUID(tip["sessionId"])) if tip["sessionId"] else None
    return lines_ready(owner, before, lines, is_trace=owner is None)


def _stored(strand_id: int, there: int, session_id: UUID | None, ready: ReadyLines) -> None:
    """Insert the entries, move the session's tip, and keep the block."""
    after = ready.after
    if session_id is not None and ready.rows and after.last_at is not None:
        tip = [after.seq, after.messages, after.digest, db_time(after.last_at), after.seq, after.digest]
        with connection.cursor() as cursor:
            cursor.executemany(INSERT_ENTRY, ready.rows)
            cursor.execute(_UPDATE_SESSION, [*tip, db_uuid(session_id), ready.before.seq])
            if cursor.rowcount != 1:
                raise IntegrityError("the session moved under the lock")
    count = len(ready.lines)
    block = {"strand_id": strand_id, "first": there + 1, "lines": count}
    rows_insert(AdoptedBlock, [{**block, "places": ready.places, "content": ready.content}])
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE_STRAND, [there + count, after.messages, strand_id, there])
        if cursor.rowcount != 1:
            raise IntegrityError("the strand grew meanwhile")


@verb()
def sources_note(call: Call, *, store: str, sources: Sequence[SourceFacts]) -> Answer:
    """Write down files of a store: what became of each, and which strands' content lies in it. Few at a time.

    Returns:
        {sourceIds: [int]}, in the same order.

    Writes: AdoptedSource, AdoptedPlace; changed where they are there already.
    """
    access.require(call.actor, Action.MANAGE)
    now, label = timezone.now(), store[-300:]
    rows: list[Json] = [
        {
            "store": label,
            "path": each.path[-600:],
            "kind": each.kind,
            "agent": each.agent,
            "size": each.size,
            "accounts": each.accounts,
            "adopted_at": now,
        }
        for each in sources
    ]
    rows_insert(AdoptedSource, rows, _SOURCE_CHANGED)
    known = AdoptedSource.objects.filter(store=label, path__in=[row["path"] for row in rows])
    numbers = dict(known.values_list("path", "pk"))
    ids = [numbers[row["path"]] for row in rows]
    places = [
        {"strand_id": strand_id, "source_id": source_id, "fate": fate, "lines": lines}
        for source_id, each in zip(ids, sources, strict=True)
        for strand_id, fate, lines in each.places
    ]
    rows_insert(AdoptedPlace, places, _PLACE_CHANGED)
    return {"sourceIds": ids}, NO_EFFECTS
