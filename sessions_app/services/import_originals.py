"""Original lines of imported sessions that were adopted elsewhere: where they came from, and every byte of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import AdoptedBlock, AdoptedPlace, AdoptedSource, AdoptedStrand, ImportedSession
from sessions_app.services._adopt_rows import block_packed
from sessions_app.services._import_lines import moment
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, Call, Json
from sessions_app.values.adoption import AdoptedLine
from sessions_app.values.transfer import StrandPart

_MALFORMED = (KeyError, ValueError, TypeError, AttributeError)


@verb()
def strand_import(call: Call, *, part: StrandPart) -> Answer:
    """Store original lines of an imported session, and where they came from; lines that are there are left out.

    Returns:
        {lines}: how many the strand has now.

    Writes: AdoptedSource, AdoptedStrand, AdoptedPlace, AdoptedBlock +1.
    """
    access.require(call.actor, Action.MANAGE)
    if not ImportedSession.objects.filter(pk=part.session_id).exists():
        return {"lines": 0}, NO_EFFECTS  # it is a session of this place, and has its own
    try:
        strand = _strand(part.session_id, part.number) or _strand_made(part)
    except _MALFORMED as error:
        raise InvalidParamsError("The original lines in the export are not as an export has them.") from error
    new = part.lines[max(0, strand.lines - part.after) :]
    if not new or part.after > strand.lines:
        return {"lines": strand.lines}, NO_EFFECTS
    lines = [AdoptedLine(raw, link, at, None) for raw, link, at, _ in new]
    places, content = block_packed(lines, [seq for *_, seq in new])
    AdoptedBlock.objects.create(strand=strand, first=strand.lines + 1, lines=len(new), places=places, content=content)
    AdoptedStrand.objects.filter(pk=strand.pk).update(lines=strand.lines + len(new))
    return {"lines": strand.lines + len(new)}, NO_EFFECTS


@verb()
def strand_join(call: Call, *, session_id: UUID, number: int, parent: tuple[UUID, int]) -> Answer:
    """Say which strand one goes on from: each named by its session and its number there.

    Returns:
        {joined}.
    """
    access.require(call.actor, Action.MANAGE)
    strand, before = _strand(session_id, number), _strand(*parent)
    is_ours = ImportedSession.objects.filter(pk=session_id).exists()
    if strand is None or before is None or not is_ours:
        return {"joined": False}, NO_EFFECTS
    AdoptedStrand.objects.filter(pk=strand.pk).update(parent=before)
    return {"joined": True}, NO_EFFECTS


def _strand(session_id: UUID, number: int) -> AdoptedStrand | None:
    return AdoptedStrand.objects.filter(session_id=session_id).order_by("pk")[number : number + 1].first()


def _strand_made(part: StrandPart) -> AdoptedStrand:
    facts = part.facts
    strand = AdoptedStrand.objects.create(
        session_id=part.session_id,
        source=_source(facts["source"]),
        parent_index=int(facts["parentIndex"]),
        agent=facts["agent"],
        foreign_id=facts["foreignId"],
        foreign_key=facts["foreignKey"],
        kind=facts["kind"],
        is_trace=bool(facts["isTrace"]),
        header=facts["header"],
        messages=int(facts["messages"]),
        facts=facts["facts"],
        created_at=moment(facts["createdAt"]),
    )
    _places_made(strand, facts["places"])
    return strand


def _places_made(strand: AdoptedStrand, places: Sequence[Any]) -> None:
    for place in places:
        source = _source(place)
        words = {"fate": place["fate"], "lines": int(place["lines"])}
        AdoptedPlace.objects.get_or_create(strand=strand, source=source, defaults=words)


def _source(facts: Json) -> AdoptedSource:
    words = {name: facts[name] for name in ("kind", "agent", "size", "accounts")}
    words["adopted_at"] = moment(facts["adoptedAt"])
    return AdoptedSource.objects.get_or_create(store=facts["store"], path=facts["path"], defaults=words)[0]
