"""Which session key a transcript belongs to: asked of everything that ever named both, and last of the clock."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

from sessions_app.rescue.index import Row, agent_of, base_of, short_id
from sessions_app.rescue.names import FileKind, moment, uuid_in
from sessions_app.rescue.scan import Store
from sessions_app.values import Json

UNFILED = "unfiled"
SUCCESSOR_MAX_SECONDS = 120


@dataclass
class Transcript:
    """One transcript of a store, as far as its place is concerned.

    Attributes:
        file: its number in the ledger.
        session_id: by its header; by its name when it has none; "" when nothing tells.
        key: the session key, "" while unknown.
        key_by: what told the key: row, checkpoint, name, record, guess.
    """

    file: int
    path: str
    part: str
    agent: str
    kind: FileKind
    base: str
    session_id: str
    stamp: datetime.datetime | None
    facts: Json
    own_id: str = ""
    key: str = ""
    key_by: str = ""
    is_current: bool = False


@dataclass
class Keys:
    """What is known: (agent, session id or base name) to (key, by)."""

    known: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def learn(self, agent: str, name: str, key: str, by: str) -> None:
        """The first word counts."""
        if name and key:
            self.known.setdefault((agent, name), (key, by))

    def of(self, agent: str, *names: str) -> tuple[str, str]:
        """Key and what told it, by the first name that is known."""
        return next((self.known[agent, name] for name in names if (agent, name) in self.known), ("", ""))


def transcripts_of(store: Store) -> list[Transcript]:
    """Every file and part that holds a transcript or a trace, with its key where anything tells it."""
    columns = "id, path, part, agent, kind, base, header_id, stamp, facts, own_id"
    sql = f"SELECT {columns} FROM file WHERE id IN (SELECT file FROM strand) ORDER BY id"  # noqa: S608
    found = []
    for number, path, part, agent, kind, base, header_id, stamp, _facts, own_id in store.ledger.rows(sql):
        facts = store.ledger.facts("file", number)
        session_id = header_id or uuid_in(base)
        about = Transcript(
            number, path, part or "", agent, FileKind(kind), base or "", session_id, moment(stamp), facts
        )
        about.own_id = own_id or ""
        found.append(about)
    keys = _told(store)
    _spread(keys, found)
    _guessed(store, keys, found)
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


def _spread(keys: Keys, found: list[Transcript]) -> None:
    """Files of one name or one session belong together; again until nothing new is learnt."""
    before = -1
    while before != len(keys.known):
        before = len(keys.known)
        for each in found:
            if not each.key:
                each.key, each.key_by = keys.of(each.agent, each.session_id, each.base)
            if each.key:
                keys.learn(each.agent, each.session_id, each.key, "name")
                keys.learn(each.agent, each.base, each.key, "name")


def _guessed(store: Store, keys: Keys, found: list[Transcript]) -> None:
    """An archive of a reset without any record: the key whose next session began right after it, newest archive first."""
    archives = [each for each in found if not each.key and each.kind is FileKind.RESET and each.stamp]
    for each in sorted(archives, key=lambda each: str(each.stamp), reverse=True):
        key = each.key or _successor(each, found)
        if key and not each.key:
            each.key, each.key_by = key, "guess"
            store.ledger.finding("key-guessed", each.path, key=key, session_id=each.session_id)
            keys.learn(each.agent, each.session_id, key, "guess")
            _spread(keys, found)


def _successor(archive: Transcript, found: list[Transcript]) -> str:
    nearest: tuple[float, str] | None = None
    for each in found:
        begun = moment(each.facts.get("startedAt"))
        if (
            not each.key
            or ":cron:" in each.key
            or begun is None
            or archive.stamp is None
            or each.agent != archive.agent
        ):
            continue
        if each.facts.get("parentSession") or not each.facts.get("hasHeader"):
            continue
        gap = (begun - archive.stamp).total_seconds()
        if -1 <= gap <= SUCCESSOR_MAX_SECONDS and (nearest is None or gap < nearest[0]):
            nearest = (gap, each.key)
    return nearest[1] if nearest else ""
