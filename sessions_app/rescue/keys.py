"""Which session key a transcript belongs to: asked of everything that ever named both, and last of the clock."""

from __future__ import annotations

import json
import sys

from sessions_app.rescue.index import Row, agent_of, base_of, short_id
from sessions_app.rescue.kin import Keys, Kin, forks_guessed, resets_guessed
from sessions_app.rescue.names import FileKind, moment, uuid_in
from sessions_app.rescue.scan import Store
from sessions_app.rescue.transcripts import Transcript
from sessions_app.values import Json

UNFILED = "unfiled"
# what a plan asks of a transcript; the report asks the ledger for the rest
_PLANNED = frozenset(
    {"lines", "whole", "entries", "blank", "unreadable", "compactions", "startedAt", "firstAt", "lastAt", "hasHeader"}
    | {"parentSession", "isGone"}
)


def transcripts_of(store: Store) -> list[Transcript]:
    """Every file and part that holds a transcript or a trace, with its key where anything tells it."""
    columns = "id, path, part, agent, kind, base, header_id, stamp, facts, own_id"
    sql = f"SELECT {columns} FROM file WHERE id IN (SELECT file FROM strand) ORDER BY id"  # noqa: S608
    found = []
    for number, path, part, agent, kind, base, header_id, stamp, facts_text, own_id in store.ledger.rows(sql):
        # a store may have tens of thousands: one copy of each name, and no words
        told = json.loads(facts_text).items()
        facts = {sys.intern(name): value for name, value in told if value and name in _PLANNED}
        session_id = header_id or uuid_in(base)
        about = Transcript(
            number, path, part or "", agent, FileKind(kind), base or "", session_id, moment(stamp), facts
        )
        about.own_id = own_id or ""
        found.append(about)
    keys, kin = _told(store), Kin(found)
    kin.spread(keys, found)
    resets_guessed(store.ledger, keys, kin, found)
    forks_guessed(store.ledger, keys, kin, found)
    return found


def _told(store: Store) -> Keys:
    keys = Keys()
    for row in sorted(store.rows, key=lambda row: (not row.is_primary, ":run:" in row.key)):
        keys.learn(row.agent, short_id(row), row.key, "row")
        keys.learn(row.agent, row.base, row.key, "row")
        family = row.entry.get("usageFamilySessionIds")
        for session_id in family if isinstance(family, list) else []:
            keys.learn(row.agent, str(session_id), row.key, "record")
    for row in store.rows:
        for point in row.checkpoints:
            _point_told(keys, row, point)
    for session_id, window in store.windows.items():
        keys.learn(agent_of(window["key"]), session_id, window["key"], "record")
    for session, key in store.ledger.rows("SELECT DISTINCT session, session_key FROM run WHERE session_key <> ''"):
        keys.learn(agent_of(key), session, key, "record")
    return keys


def _point_told(keys: Keys, row: Row, point: Json) -> None:
    keys.learn(row.agent, str(point.get("sessionId") or ""), row.key, "checkpoint")
    for side in ("preCompaction", "postCompaction"):
        about = point.get(side)
        file = about.get("sessionFile") if isinstance(about, dict) else None
        if isinstance(file, str):
            keys.learn(row.agent, base_of(file).split(".checkpoint.")[0], row.key, "checkpoint")
