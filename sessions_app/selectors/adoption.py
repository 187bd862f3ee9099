"""What was adopted: where a session came from, its original lines, and what a planner must know of earlier adoptions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

import zstandard
from django.db.models import F

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import NotFoundError
from sessions_app.models import AdoptedBlock, AdoptedPlace, AdoptedSource, AdoptedStrand, Session
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, Json
from sessions_app.values.adoption import PLACE, places_unpacked


@dataclass(frozen=True, slots=True)
class EarlierStrand:
    """A strand that is stored: what tells whether a line is there already."""

    number: int
    session_id: UUID | None
    agent: str
    foreign_id: str
    parent: tuple[int, int] | None
    is_trace: bool
    lines: int
    kind: str

    def digests(self) -> Iterator[bytes]:
        """The digests of its own lines, in order. One query for each block."""
        blocks = AdoptedBlock.objects.filter(strand_id=self.number).order_by("first").values_list("places", flat=True)
        for places in blocks.iterator(chunk_size=50):
            for digest, *_ in PLACE.iter_unpack(bytes(places)):
                yield digest


def strands_stored() -> Iterator[EarlierStrand]:
    """Every strand adopted so far, parents first. One query."""
    for row in AdoptedStrand.objects.order_by("pk").iterator(chunk_size=500):
        parent = (row.parent_id, row.parent_index) if row.parent_id is not None else None
        yield EarlierStrand(
            row.pk, row.session_id, row.agent, row.foreign_id, parent, row.is_trace, row.lines, row.kind
        )


def headers_stored() -> tuple[list[bytes], list[bytes]]:
    """The headers that are kept with a strand, and those that are kept with a file. Two queries."""
    strands = AdoptedStrand.objects.filter(header__isnull=False).values_list("header", flat=True)
    # not by `accounts__header`: Django would read the header, which is JSON itself
    files = AdoptedSource.objects.filter(accounts__has_key="header").values_list("accounts", flat=True)
    return [bytes(header) for header in strands.iterator() if header is not None], [
        sums["header"].encode() for sums in files.iterator()
    ]


def ids_taken(wanted: Iterable[UUID]) -> set[UUID]:
    """Those of these session ids that are used here; an empty session that an interrupted adoption left is not. A few queries."""
    ids, found = list(wanted), set()
    for begin in range(0, len(ids), 500):
        rows = Session.objects.filter(pk__in=ids[begin : begin + 500])
        rows = rows.exclude(last_seq=0, start_reason="import", adopted_strands__isnull=True)
        found |= set(rows.values_list("pk", flat=True))
    return found


def sessions_there(actor: Actor, wanted: Iterable[UUID]) -> Json:
    """Those of these sessions that are here: {sessionId: {sessionKey, isCurrent}}. Two queries, more for over 500.

    Raises:
        ForbiddenError, UnauthenticatedError: the actor may not manage.
    """
    access.require(actor, Action.MANAGE)
    ids, found = list(wanted), {}
    for begin in range(0, len(ids), 500):
        rows = Session.objects.filter(pk__in=ids[begin : begin + 500]).select_related("conversation")
        for row in rows:
            is_current = row.conversation.current_session_id == row.pk
            found[str(row.pk)] = {"sessionKey": row.conversation.key, "isCurrent": is_current}
    return found


def conversation_used(conversation_id: UUID) -> bool:
    """Whether anybody wrote in a conversation here, besides what was adopted into it. Two queries."""
    own = Session.objects.filter(conversation_id=conversation_id, messages__gt=0, adopted_strands__isnull=True)
    strands = AdoptedStrand.objects.filter(session__conversation_id=conversation_id, is_trace=False)
    return own.exists() or strands.exclude(session__messages=F("messages")).exists()


def adopted_seq(strand_id: int, index: int) -> int:
    """The seq of the newest entry at or before a line of a strand; 0 for none. Two queries, more where lines say nothing."""
    block = AdoptedBlock.objects.filter(strand_id=strand_id, first__lte=index).order_by("-first").first()
    while block is not None:
        seqs = [place.seq for place in places_unpacked(bytes(block.places))][: index - block.first + 1]
        found = next((seq for seq in reversed(seqs) if seq), 0)
        if found:
            return found
        block = AdoptedBlock.objects.filter(strand_id=strand_id, first__lt=block.first).order_by("-first").first()
    session = AdoptedStrand.objects.select_related("session").get(pk=strand_id).session
    return session.parent_seq if session else 0


def session_origin(actor: Actor, *, session_id: UUID) -> Json:
    """Where an adopted session came from. Five queries.

    Returns:
        {sessionKey, sessionId, strands: [{foreignId, foreignKey, kind, isTrace, lines, facts, adoptedAt, places: [{store, path,
        kind, fate, lines, header?}]}]}; no strands for a session that was not adopted.

    Raises:
        NotFoundError: no such session.
    """
    session = access.session(actor, Action.VIEW, session_id)
    strands = list(AdoptedStrand.objects.filter(session=session).order_by("pk"))
    places: dict[int, list[Json]] = {strand.pk: [] for strand in strands}
    for place in AdoptedPlace.objects.filter(strand__in=strands).select_related("source").order_by("pk"):
        source = place.source
        words = {"store": source.store, "path": source.path, "kind": source.kind, "fate": place.fate}
        header = source.accounts.get("header")  # one that differs from the session's own
        words |= {"header": header} if header else {}
        places[place.strand_id].append({**words, "lines": place.lines})
    return {
        "sessionKey": session.conversation.key,
        "sessionId": str(session.pk),
        "strands": [
            {
                "foreignId": strand.foreign_id,
                "foreignKey": strand.foreign_key,
                "kind": strand.kind,
                "isTrace": strand.is_trace,
                "lines": strand.lines,
                "facts": strand.facts,
                "adoptedAt": wire_time(strand.created_at),
                "places": places[strand.pk],
            }
            for strand in strands
        ],
    }


def original_lines(actor: Actor, *, session_id: UUID, with_traces: bool = False) -> Iterator[bytes]:
    """The original lines of an adopted session, byte for byte without their line ends: its header, then its lines in order.

    Lines that it shares with the session it branched from come first. Memory stays the same at any length.

    Args:
        actor: who asks; needs `export` for sessions of others.
        session_id: an adopted session.
        with_traces: the traces beside it too, after its own lines.

    Raises:
        NotFoundError: no such session, or it was not adopted; raised before the first line is read.
    """
    session = access.session(actor, Action.EXPORT, session_id)
    strands = list(AdoptedStrand.objects.filter(session=session).order_by("is_trace", "pk"))
    if not strands:
        raise NotFoundError("This session was not adopted from elsewhere.", sessionId=str(session_id))
    return _originals([strand for strand in strands if with_traces or not strand.is_trace])


def _originals(strands: list[AdoptedStrand]) -> Iterator[bytes]:
    for strand in strands:
        if strand.header is not None:
            yield bytes(strand.header)
        yield from _lines(strand, strand.lines)


def _lines(strand: AdoptedStrand, upto: int) -> Iterator[bytes]:
    if strand.parent is not None and not strand.is_trace:  # a trace goes on from another that is given before it
        yield from _lines(strand.parent, strand.parent_index)
    for number, line in lines_from(strand, 1):
        if number > upto:
            return
        yield line


def lines_from(strand: AdoptedStrand, first: int) -> Iterator[tuple[int, bytes]]:
    """A strand's own lines from number `first` on, with their numbers. A query for each 20 blocks."""
    before = (
        AdoptedBlock.objects.filter(strand=strand, first__lte=first).order_by("-first").values_list("first", flat=True)
    )
    blocks = AdoptedBlock.objects.filter(strand=strand, first__gte=before.first() or 1).order_by("first")
    for block in blocks.iterator(chunk_size=20):
        lines = zstandard.ZstdDecompressor().decompress(bytes(block.content))
        at = 0
        for number, place in enumerate(places_unpacked(bytes(block.places)), block.first):
            if number >= first:
                yield number, lines[at : at + place.size]
            at += place.size + 1
