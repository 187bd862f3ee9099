"""A session that the program cut into slices as one transcript again: the slices one behind the other, each going on from the one before.

Of a slice that goes on from another its header is left out, and its first line gets the parent it had lost; every other byte stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from sessions_app.rescue.plan import Plan
from sessions_app.rescue.repair.desk import Desk, name_of
from sessions_app.rescue.repair.place import Place
from sessions_app.rescue.scan import Store
from sessions_app.rescue.transcripts import Transcript
from sessions_app.values import Json


def slices_of(plan: Plan) -> dict[int, list[Transcript]]:
    """Of each file that is a slice of a session: all of that session's, in order."""
    found: dict[int, list[Transcript]] = {}
    for strand in plan.strands:
        if strand.slices:
            whole = [strand.about, *(each.about for each in strand.slices)]
            found |= {about.file: whole for about in whole}
    return found


def parts_behind(store: Store, desk: Desk, each: Transcript) -> list[Json]:
    """What goes behind the first slice of a transcript's session: [{from, digest, parent}]; none for one that was not cut.

    None either where a live file holds all slices already, or one cannot be used here: it lies elsewhere, or is compressed.
    """
    slices = desk.slices.get(each.file, [])
    if any(about not in desk.transcripts or name_of(about).endswith(".zst") for about in slices):
        return []
    if any(_holds(store, live, slices) for live in desk.live() if live.session_id == each.session_id and slices):
        return []
    sql = "SELECT eid FROM line WHERE file = ? AND eid IS NOT NULL ORDER BY no DESC LIMIT 1"
    parts, parent = list[Json](), None
    for number, about in enumerate(slices):
        if number:
            name = name_of(about)
            parts.append({"from": name, "digest": desk.place.digest(name), "parent": parent})
        parent = store.ledger.one(sql, about.file) or parent
    return parts


def _holds(store: Store, live: Transcript, slices: list[Transcript]) -> bool:
    """Whether every entry of the slices stands in a file that is none of them."""
    sql = """SELECT 1 FROM line a WHERE a.file = ? AND a.eid IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM line b WHERE b.file = ? AND b.eid = a.eid) LIMIT 1"""
    if live in slices:
        return False
    store.ledger.db.execute("CREATE INDEX IF NOT EXISTS line_by_id ON line(file, eid, no)")
    return all(store.ledger.one(sql, about.file, live.file) is None for about in slices)


def joined(place: Place, first: str, header: str, parts: list[Json]) -> Iterator[bytes]:
    """The bytes of the whole transcript; every line has its end."""
    if header:
        yield header.encode() + b"\n"
    yield from _ended(place.chunks(first))
    for part in parts:
        yield from _going_on(_ended(place.chunks(part["from"])), part["parent"])


def _ended(chunks: Iterator[bytes]) -> Iterator[bytes]:
    last = b"\n"
    for chunk in chunks:
        yield chunk
        last = chunk[-1:] or last
    if last != b"\n":
        yield b"\n"


def _going_on(chunks: Iterator[bytes], parent: str | None) -> Iterator[bytes]:
    """A slice without its header, whose first line that is whole has a parent."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        while b"\n" in rest:
            line, _, rest = rest.partition(b"\n")
            value = _object(line)
            if value.get("type") == "session":
                continue
            if value and value.get("parentId") is None and parent is not None:
                line = json.dumps(value | {"parentId": parent}, separators=(",", ":"), ensure_ascii=False).encode()
            yield line + b"\n"
            if value:
                yield rest
                yield from chunks
                return
    yield rest


def _object(line: bytes) -> Json:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
