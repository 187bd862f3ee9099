"""One session as lines: what it is, its own entries with their runs, its checkpoints, how it ends. The hash chain is computed on the way.

A link is written down only where it is not what the entries before give: damage, or a change past the product, stays visible elsewhere.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

import zstandard

from sessions_app.canonical import canonical, canonical_text, entry_link
from sessions_app.models import AdoptedSource, AdoptedStrand
from sessions_app.runtime.transfer.package import Member
from sessions_app.selectors.damage import Damage
from sessions_app.selectors.transfer_rows import (
    EntryRow,
    blocks_of,
    checkpoints_of,
    entry_pages,
    link_before,
    places_of,
    runs_between,
    strand_number,
    strands_of,
)
from sessions_app.values import Json
from sessions_app.values.adoption import places_unpacked

_SPOKEN = ("user", "assistant")
_ONE_LINE = "{}\n".format
_LINES_AT_ONCE = 500


@dataclass(slots=True)
class Chain:
    """The newest entry so far."""

    seq: int
    messages: int
    link: str

    def line(self, row: EntryRow) -> str:
        """The next entry as a line; canonical JSON, written out because there are many."""
        text = canonical_text(row.text)
        link = entry_link(self.link, row.seq, row.kind, row.role, text, row.data, row.at, row.run)
        messages = self.messages + (row.kind == "message" and row.role in _SPOKEN)
        given = "" if link == row.digest else f'"digest":{canonical_text(row.digest)},'
        counted = "" if messages == row.message_no else f'"messageNo":{row.message_no},'
        self.seq, self.messages, self.link = row.seq, row.message_no, row.digest
        run = f'"{row.run}"' if row.run else "null"
        return (
            f'{{"at":"{row.at}","data":{row.data},{given}"kind":"{row.kind}",{counted}"role":"{row.role}","run":{run},'
            f'"seq":{row.seq},"text":{text},"type":"entry"}}\n'
        )


def session_lines(member: Member, facts: Json, told: Callable[[int], None]) -> Json:
    """Write a session.

    Args:
        member: where to.
        facts: from `transfer.sessions_facts`.
        told: how many entries were written, after each page.

    Returns:
        Its end: {lastSeq, messages, digest, damagedFrom, damage, entries, runs, checkpoints}; the last three are counts.
    """
    session_id, first = UUID(facts["id"]), facts["parentSeq"] + 1
    base = link_before(UUID(facts["parent"]), facts["parentSeq"]) if facts["parent"] else ("", 0)
    chain = Chain(facts["parentSeq"], base[1], base[0])
    hidden = {"lastSeq", "damagedFrom", "damage"}
    member.write([_ONE_LINE(canonical({name: value for name, value in facts.items() if name not in hidden}))])
    known = facts["damagedFrom"]
    damage = Damage(known, facts["damage"]) if known is not None else None
    last = facts["lastSeq"] if known is None else min(facts["lastSeq"], max(known - 1, first - 1))
    runs, ran = 0, -1
    for page in entry_pages(session_id, first, last):
        if isinstance(page, Damage):
            damage = page
            break
        before = runs_between(session_id, ran, page[-1].seq)
        ran, runs = page[-1].seq, runs + len(before)
        member.write([_ONE_LINE(canonical(run)) for run in before] + [chain.line(row) for row in page])
        told(len(page))
    rest = [*runs_between(session_id, ran, None), *checkpoints_of(session_id)]
    end: Json = {"lastSeq": chain.seq, "messages": chain.messages, "digest": chain.link}
    end |= {"damagedFrom": damage and damage.from_seq, "damage": damage.words if damage else ""}
    member.write([_ONE_LINE(canonical(row)) for row in [*rest, {"type": "end", **end}]])
    checkpoints = sum(row["type"] == "checkpoint" for row in rest)
    return {
        **end,
        "entries": chain.seq - facts["parentSeq"],
        "runs": runs + len(rest) - checkpoints,
        "checkpoints": checkpoints,
    }


def original_lines(member: Member, session_id: UUID) -> int:
    """Write the original lines of an adopted session.

    Returns:
        How many there are.
    """
    count = 0
    for strand in strands_of(session_id):
        member.write([_ONE_LINE(canonical(_strand(strand)))])
        waiting: list[str] = []
        for block in blocks_of(strand):
            content, at = zstandard.ZstdDecompressor().decompress(bytes(block.content)), 0
            for place in places_unpacked(bytes(block.places)):
                raw = content[at : at + place.size]
                at += place.size + 1
                link = {} if blake2b(raw, digest_size=16).digest() == place.digest else {"digest": place.digest.hex()}
                row = {"type": "line", "at": place.offset, "seq": place.seq, **_raw(raw), **link}
                waiting.append(_ONE_LINE(canonical(row)))
                count += 1
            if len(waiting) >= _LINES_AT_ONCE:
                member.write(waiting)
                waiting = []
        member.write(waiting)
    return count


def _raw(raw: bytes) -> Json:
    """Bytes as text where they are text."""
    try:
        return {"raw": raw.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def _strand(row: AdoptedStrand) -> Json:
    parent = row.parent
    return {
        "type": "strand",
        "source": _source(row.source),
        "parent": [str(parent.session_id), strand_number(parent)] if parent and parent.session_id else None,
        "parentIndex": row.parent_index,
        "agent": row.agent,
        "foreignId": row.foreign_id,
        "foreignKey": row.foreign_key,
        "kind": row.kind,
        "isTrace": row.is_trace,
        "header": None if row.header is None else _raw(bytes(row.header)),
        "messages": row.messages,
        "facts": row.facts,
        "createdAt": row.created_at.isoformat(),
        "places": [{**_source(each.source), "fate": each.fate, "lines": each.lines} for each in places_of(row)],
    }


def _source(row: AdoptedSource) -> Json:
    return {
        "store": row.store,
        "path": row.path,
        "kind": row.kind,
        "agent": row.agent,
        "size": row.size,
        "accounts": row.accounts,
        "adoptedAt": row.adopted_at.isoformat(),
    }
