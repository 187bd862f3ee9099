"""What somebody wants adopted, and the plan for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from sessions_app.rescue.headers import Headers
from sessions_app.rescue.plan import Plan, planned
from sessions_app.rescue.points import Point, points_of
from sessions_app.rescue.reading import line_digest
from sessions_app.rescue.report import duplicates_noted
from sessions_app.rescue.scan import Store
from sessions_app.rescue.strands import Fate, Stored
from sessions_app.selectors.adoption import headers_stored, ids_taken, strands_stored
from sessions_app.values import KEY_MAX_CHARS, SESSION_KEY


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asked for.

    Attributes:
        owner_id: whose the new conversations become.
        agent, key: only these; under a key the store does not have go transcripts that nothing names a key of.
        make_current: current sessions become current here whatever was written meanwhile.
        label: how the store is called in the records; its path without one.
        keys: only these session keys, as the store has them; empty for all.
    """

    owner_id: int
    agent: str = ""
    key: str = ""
    make_current: bool = False
    label: str = ""
    keys: frozenset[str] = frozenset()


def plan_made(store: Store, wish: Wish) -> tuple[Plan, list[Point]]:
    """What adopting would do. Reads the database, writes nothing."""
    stored = (
        Stored(
            each.number,
            each.session_id,
            each.agent,
            each.foreign_id,
            each.parent,
            each.digests(),
            each.is_trace,
            each.kind,
        )
        for each in strands_stored()
    )
    headers = Headers(*(frozenset(line_digest(header) for header in some) for some in headers_stored()))
    plan = planned(
        store,
        stored,
        taken=ids_taken(_ids_in(store)),
        agent=wish.agent,
        key=wish.key,
        keys=wish.keys,
        headers=headers,
    )
    duplicates_noted(plan)
    _keys_noted(plan)
    return plan, points_of(plan)


def _keys_noted(plan: Plan) -> None:
    """Findings for keys that are called otherwise here; several that become one are told by their details."""
    for agent, key in sorted(
        {(strand.about.agent, strand.key) for strand in plan.strands if strand.fate is not Fate.EMPTY}
    ):
        if (here := key_here(key, agent)) != key:
            plan.store.ledger.finding("key-changed", key=key, detail=f"becomes {here}")


def _ids_in(store: Store) -> Iterator[UUID]:
    for (name,) in store.ledger.rows("SELECT DISTINCT header_id FROM file UNION SELECT DISTINCT lower(base) FROM file"):
        try:
            yield UUID((name or "")[-36:])
        except ValueError:
            continue


def key_here(key: str, agent: str) -> str:
    """The session key a foreign one becomes: itself where its form allows."""
    lower = key.lower()
    if SESSION_KEY.fullmatch(lower) and len(lower) <= KEY_MAX_CHARS:
        return lower
    name = re.sub(r"^[^a-z0-9]+", "", re.sub(r"[^a-z0-9._-]+", "-", agent.lower()))[:60] or "main"
    rest = lower.removeprefix(f"agent:{agent.lower()}:")
    slug = re.sub(r"^[^a-z0-9]+", "", re.sub(r"[^a-z0-9._:@-]+", "-", rest))[:80]
    if slug and rest == slug:
        return f"agent:{name}:{slug}"
    return f"agent:{name}:{slug or 'key'}-{blake2b(key.encode('utf-8', 'replace'), digest_size=4).hexdigest()}"
