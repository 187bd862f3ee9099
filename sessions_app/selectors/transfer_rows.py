"""The rows of one session for an export, by short SQL and in pages: entries with their runs, checkpoints, original lines.

By the ORM an entry costs 30 µs, so 3. What cannot be read ends the session, and is told.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from sessions_app.canonical import canonical
from sessions_app.models import AdoptedBlock, AdoptedPlace, AdoptedStrand, Checkpoint, Entry
from sessions_app.selectors.damage import Damage, UnreadableError, readable
from sessions_app.selectors.entry_rows import raw_uuid
from sessions_app.values import Json, RunState

PAGE_ROWS = 250
_MAX_SEQ = 2**62
IMPORTED_ACTOR = "import:"  # before the actor of a run that came from elsewhere, whose numbers mean nobody here
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?")


class EntryRow(NamedTuple):
    """An entry as it is written down: `data` canonical JSON, `at` ISO, `run` in hex."""

    seq: int
    kind: str
    role: str
    text: str
    data: str
    run: str | None
    message_no: int
    digest: str
    at: str


def entry_pages(session_id: UUID, first: int, last: int) -> Iterator[list[EntryRow] | Damage]:
    """A session's own entries from position `first` to `last`. One query for each PAGE_ROWS.

    Yields:
        Pages, oldest first; where one cannot be read, or is missing, the Damage and nothing after it.
    """
    while first <= last:
        page, damage = _page(session_id, first, min(last, first + PAGE_ROWS - 1))
        if page:
            yield page
        if damage is not None:
            yield damage
            return
        first += PAGE_ROWS


def link_before(session_id: UUID, seq: int) -> tuple[str, int]:
    """(digest, messages) of the entry of a session's own at a position; ("", 0) when there is none to be read. One query."""
    rows = Entry.objects.filter(session_id=session_id, seq=seq).values_list("digest", "message_no")
    try:
        found = readable(rows.first)
    except UnreadableError:
        found = None
    return found or ("", 0)


def _page(session_id: UUID, first: int, last: int) -> tuple[list[EntryRow], Damage | None]:
    try:
        rows = readable(lambda: _rows(session_id, first, last))
    except UnreadableError:
        if first == last:
            return [], Damage(first, f"entry {first:,} cannot be read.")
        middle = (first + last) // 2
        rows, damage = _page(session_id, first, middle)
        if damage is not None:
            return rows, damage
        more, damage = _page(session_id, middle + 1, last)
        return rows + more, damage
    for wanted, row in enumerate(rows, first):
        if row.seq != wanted:
            return rows[: wanted - first], Damage(wanted, f"entry {wanted:,} is missing.")
    if len(rows) <= last - first:
        missing = first + len(rows)
        return rows, Damage(missing, f"entry {missing:,} is missing.")
    return rows, None


def _rows(session_id: UUID, first: int, last: int) -> list[EntryRow]:
    with connection.cursor() as cursor:
        cursor.execute(_entries_sql(), [raw_uuid(session_id), first, last])
        return [
            EntryRow(seq, kind, role, _str(text), _data(data), run and _hex(run), number, link, _iso(at))
            for seq, kind, role, text, data, run, number, link, at in cursor.fetchall()
        ]


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _hex(value: UUID | str) -> str:
    return value.hex if isinstance(value, UUID) else value


def _data(value: Any) -> str:
    return _data_short(value) if isinstance(value, str) and len(value) < 100 else _data_canonical(value)


def _data_canonical(value: Any) -> str:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise TypeError("no object")
    return canonical(found)


_data_short = functools.lru_cache(maxsize=512)(_data_canonical)


def _iso(value: Any) -> str:
    """A time as the hash chain has it: SQLite keeps UTC without saying so."""
    if isinstance(value, str):
        if not _TIME.fullmatch(value):
            raise ValueError("no time")
        return f"{value[:10]}T{value[11:]}+00:00"
    found: datetime.datetime = value
    return found.astimezone(datetime.UTC).isoformat()


@functools.cache
def _entries_sql() -> str:
    """Entries of a session between two positions."""
    return (
        f"SELECT seq, kind, role, text, data, run_id, message_no, digest, {_time_column('created_at')} FROM sessions_app_entry "  # noqa: S608 - ours
        "WHERE session_id = %s AND seq BETWEEN %s AND %s ORDER BY seq"
    )


def runs_between(session_id: UUID, after: int, upto: int | None) -> list[Json]:
    """The runs whose turn begins after one position and up to another (None: to the end), in order. One query.

    An answer that is still being written is told as cut off: its words are not in the transcript yet.
    """
    with connection.cursor() as cursor:
        cursor.execute(_runs_sql(), [raw_uuid(session_id), after, _MAX_SEQ if upto is None else upto])
        return [_run(*row) for row in cursor.fetchall()]


def _run(run_id: Any, retry_of: Any, error: Any, state: str, actor: str, *rest: Any) -> Json:
    created, started, finished, input_seq, answer_seq, continues, label, request_id, request_digest = rest
    if finished is None:
        state = str(RunState.INTERRUPTED if state == RunState.RUNNING else RunState.WITHDRAWN)
    return {
        "type": "run",
        "id": _dashed(run_id),
        "inputSeq": input_seq,
        "answerSeq": answer_seq,
        "retryOf": None if retry_of is None else _dashed(retry_of),
        "continues": bool(continues),
        "state": state,
        "actor": actor.removeprefix(IMPORTED_ACTOR),
        "actorLabel": label,
        "requestId": request_id,
        "requestDigest": request_digest,
        "error": json.loads(error) if isinstance(error, str) else error,
        "createdAt": _iso(created),
        "startedAt": None if started is None else _iso(started),
        "finishedAt": _iso(finished or started or created),
    }


def _dashed(value: UUID | str) -> str:
    """A UUID as people write it, whichever way the engine keeps it."""
    if isinstance(value, UUID):
        return str(value)
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


@functools.cache
def _runs_sql() -> str:
    """By the ORM a run costs 40 µs, so 4."""
    times = ", ".join(_time_column(name) for name in ("created_at", "started_at", "finished_at"))
    return (
        f"SELECT id, retry_of_id, error, state, actor, {times}, input_seq, answer_seq, continues, actor_label, "  # noqa: S608 - ours
        "request_id, request_digest FROM sessions_app_run "
        "WHERE session_id = %s AND input_seq > %s AND input_seq <= %s ORDER BY input_seq, created_at, id"
    )


def _time_column(name: str) -> str:
    """SQLite's times as they are stored: turning them into times and back would cost more than all the rest."""
    return name if connection.vendor == "postgresql" else f"CAST({name} AS text)"


def checkpoints_of(session_id: UUID) -> Iterator[Json]:
    """The checkpoints of a session, in order. One query."""
    rows = Checkpoint.objects.filter(session_id=session_id).order_by("seq", "created_at", "pk")
    for row in rows.iterator(chunk_size=500):
        yield {
            "type": "checkpoint",
            "id": str(row.pk),
            "seq": row.seq,
            "kind": row.kind,
            "label": row.label,
            "actor": row.actor,
            "trigger": row.trigger,
            "createdAt": row.created_at.isoformat(),
        }


def strands_of(session_id: UUID) -> list[AdoptedStrand]:
    """The adopted strands of a session, with the files they came from. One query."""
    rows = AdoptedStrand.objects.filter(session_id=session_id).select_related("source", "parent").order_by("pk")
    return list(rows)


def strand_number(strand: AdoptedStrand) -> int:
    """Which of the strands of its session a strand is, from 0. One query."""
    return AdoptedStrand.objects.filter(session=strand.session, pk__lt=strand.pk).count()


def places_of(strand: AdoptedStrand) -> list[AdoptedPlace]:
    """Where else the content of a strand was found. One query."""
    return list(AdoptedPlace.objects.filter(strand=strand).select_related("source").order_by("pk"))


def blocks_of(strand: AdoptedStrand) -> Iterator[AdoptedBlock]:
    """The blocks of a strand, in order. One query."""
    return AdoptedBlock.objects.filter(strand=strand).order_by("first").iterator(chunk_size=20)
