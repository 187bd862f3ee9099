"""Transcripts that belong together by the names they share, and keys guessed where no record tells them."""

from __future__ import annotations

import datetime
from bisect import bisect_left, insort
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from sessions_app.rescue.index import base_of
from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.names import FileKind, moment, uuid_in
from sessions_app.rescue.transcripts import Transcript

SUCCESSOR_MAX_SECONDS = 120


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


class Kin:
    """Transcripts by agent and name, session id or base of the file."""

    def __init__(self, found: Iterable[Transcript]) -> None:
        self._by_name: dict[tuple[str, str], list[Transcript]] = defaultdict(list)
        for each in found:
            for name in {each.session_id, each.base} - {""}:
                self._by_name[each.agent, name].append(each)

    def spread(self, keys: Keys, some: Iterable[Transcript]) -> list[Transcript]:
        """Files of one name or one session get one key, as far as that leads from these. Returns those that have one now."""
        waiting, reached = deque(some), list[Transcript]()
        while waiting:
            each = waiting.popleft()
            if not each.key:
                each.key, each.key_by = keys.of(each.agent, each.session_id, each.base)
            if not each.key:
                continue
            reached.append(each)
            for name in (each.session_id, each.base):
                if name and (each.agent, name) not in keys.known:
                    keys.learn(each.agent, name, each.key, "name")
                    waiting.extend(other for other in self._by_name[each.agent, name] if not other.key)
        return reached

    def guessed(self, ledger: Ledger, keys: Keys, each: Transcript, key: str) -> list[Transcript]:
        """Give a transcript a guessed key, note that, and spread it. Returns all that have it by this."""
        each.key, each.key_by = key, "guess"
        ledger.finding("key-guessed", each.path, key=key, session_id=each.session_id)
        keys.learn(each.agent, each.session_id, key, "guess")
        same = self._by_name[each.agent, each.session_id] if each.session_id else []
        return self.spread(keys, [each, *(other for other in same if not other.key)])


class _Begun:
    """Sessions with a key by the moment they began, per agent."""

    def __init__(self, some: Iterable[Transcript]) -> None:
        self._lists: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
        for each in some:
            self.add(each)

    def add(self, each: Transcript) -> None:
        """Take it, where a reset could have begun it: not a run of cron, not a fork."""
        begun = moment(each.facts.get("startedAt"))
        is_fork = bool(each.facts.get("parentSession")) or not each.facts.get("hasHeader")
        if each.key and ":cron:" not in each.key and begun is not None and not is_fork:
            insort(self._lists[each.agent], (begun.timestamp(), each.file, each.key))

    def right_after(self, agent: str, stamp: datetime.datetime) -> str:
        """The key of the first that began after a moment, and not long after."""
        begun, at = self._lists[agent], stamp.timestamp()
        place = bisect_left(begun, (at - 1, 0, ""))
        return begun[place][2] if place < len(begun) and begun[place][0] <= at + SUCCESSOR_MAX_SECONDS else ""


def resets_guessed(ledger: Ledger, keys: Keys, kin: Kin, found: list[Transcript]) -> None:
    """An archive of a reset without any record: the key whose next session began right after it, newest archive first."""
    archives = [each for each in found if not each.key and each.kind is FileKind.RESET and each.stamp]
    begun = _Begun(found)
    for each in sorted(archives, key=lambda each: str(each.stamp), reverse=True):
        key = begun.right_after(each.agent, each.stamp) if each.stamp and not each.key else ""
        for reached in kin.guessed(ledger, keys, each, key) if key else ():
            begun.add(reached)


def forks_guessed(ledger: Ledger, keys: Keys, kin: Kin, found: list[Transcript]) -> None:
    """A fork without any record goes to the key of what it was forked from, however many forks lie between."""
    forks: dict[tuple[str, str], list[Transcript]] = defaultdict(list)
    ready = deque[tuple[Transcript, str]]()
    for each in found:
        if each.key or not isinstance(each.facts.get("parentSession"), str):
            continue
        base = base_of(each.facts["parentSession"]).split(".checkpoint.")[0]
        key, _ = keys.of(each.agent, base, uuid_in(base))
        if key:
            ready.append((each, key))
        for name in {base, uuid_in(base)} - {""}:
            forks[each.agent, name].append(each)
    while ready:
        each, key = ready.popleft()
        for reached in () if each.key else kin.guessed(ledger, keys, each, key):
            for name in {reached.session_id, reached.base}:
                ready.extend((fork, key) for fork in forks[reached.agent, name] if not fork.key)
