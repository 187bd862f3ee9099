"""What an import would do: each session of a package against what is here, by id and digest. Writes nothing."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from sessions_app.models import Conversation, ImportedConversation, ImportedSession, Session, User
from sessions_app.runtime.transfer.reading import Opened
from sessions_app.selectors.damage import Damage
from sessions_app.selectors.lineage import segments
from sessions_app.selectors.transfer_rows import entry_pages, link_before
from sessions_app.values import Json
from sessions_app.values.transfer import CONVERSATIONS, NAMESPACE


class Fate(StrEnum):
    """What becomes of a session."""

    NEW = "new"
    THERE = "there"
    CONTINUED = "continued"


@dataclass(slots=True)
class Planned:
    """One session: the id it has there and gets here, and what becomes of it."""

    source_id: UUID
    session_id: UUID
    fate: Fate
    facts: Json


@dataclass
class Plan:
    """All of a package, parents first.

    Attributes:
        conversations: their lines, by key.
        owners: the accounts here, by name; a name without one is not in it.
        pending: keys whose current session an interrupted import did not come to.
    """

    sessions: list[Planned]
    conversations: dict[str, Json]
    owners: dict[str, int] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)

    def ids(self) -> dict[str, UUID]:
        """The id here of each id there."""
        return {str(each.source_id): each.session_id for each in self.sessions}

    def report(self, owner: str) -> Json:
        """{sessions, new, there, continued, renamed: [{sessionId, newSessionId, sessionKey}], conversations: {new, there}, unknownOwners,
        givenTo}.
        """  # noqa: D205 - the shape is the summary
        counts = {str(fate): sum(each.fate is fate for each in self.sessions) for fate in Fate}
        here = set(Conversation.objects.values_list("key", flat=True)) & set(self.conversations)
        unknown = sorted({row["owner"] for row in self.conversations.values() if row["owner"] not in self.owners})
        renamed = [
            {"sessionId": str(each.source_id), "newSessionId": str(each.session_id), "sessionKey": each.facts["key"]}
            for each in self.sessions
            if each.session_id != each.source_id
        ]
        return {
            "sessions": len(self.sessions),
            **counts,
            "renamed": renamed,
            "conversations": {"new": len(self.conversations) - len(here), "there": len(here)},
            "unknownOwners": unknown,
            "givenTo": owner if unknown else None,
        }


def plan_made(package: Opened) -> Plan:
    """Compare a package with what is here. About two queries for each session that is here already, one for every other."""
    conversations = {row["key"]: row for row in package.lines(CONVERSATIONS)}
    names = {row["owner"] for row in conversations.values()}
    owners = dict(User.objects.filter(username__in=names).values_list("username", "pk"))
    firsts = [row["current"] for row in conversations.values() if row["current"] in package.sessions]
    waiting = ImportedConversation.objects.filter(wants_current__isnull=False)
    pending = set(waiting.values_list("conversation__key", flat=True)) & set(conversations)
    plan = Plan([], conversations, owners, pending)
    for session_id in _parents_first(package.sessions, firsts):
        plan.sessions.append(_planned(package, UUID(session_id), package.sessions[session_id]))
    return plan


def _parents_first(sessions: dict[str, Json], firsts: list[str]) -> Iterator[str]:
    """All ids, each after what it continues; those that are current as early as that allows."""
    done: set[str] = set()
    for session_id in [*firsts, *sessions]:
        line: list[str] = []
        at: str | None = session_id
        while at is not None and at not in done:
            done.add(at)
            line.append(at)
            at = sessions[at]["parent"]
        yield from reversed(line)


def _planned(package: Opened, source_id: UUID, facts: Json) -> Planned:
    fate = _fate(package, source_id, source_id, facts)
    if fate is not None:
        return Planned(source_id, source_id, fate, facts)
    other = uuid.uuid5(NAMESPACE, f"{source_id}/{facts['digest']}/{facts['lastSeq']}")
    return Planned(source_id, other, _fate(package, other, source_id, facts) or Fate.THERE, facts)


def _fate(package: Opened, session_id: UUID, source_id: UUID, facts: Json) -> Fate | None:
    """What becomes of a session under an id; None when something else has it."""
    row = Session.objects.filter(pk=session_id).first()
    if row is None:
        return Fate.NEW
    came = ImportedSession.objects.filter(pk=session_id, source_id=source_id).first()
    if came is None and not row.last_seq and ImportedConversation.objects.filter(wants_current=session_id).exists():
        return Fate.NEW  # an import was interrupted when it had just made the row
    if came is not None and came.is_whole and came.source_digest == facts["digest"]:
        return Fate.THERE
    if came is not None and _is_beginning(package, row, source_id, facts):
        return Fate.CONTINUED
    return Fate.THERE if _holds(row, facts["lastSeq"], facts["digest"]) else None


def _is_beginning(package: Opened, row: Session, source_id: UUID, facts: Json) -> bool:
    """Whether an imported session, as it is here, is the beginning of what the package has: nobody wrote in it here."""
    if row.last_seq > facts["lastSeq"] or row.parent_seq != facts["parentSeq"]:
        return False
    lines = (line for line in package.lines(f"sessions/{source_id}.jsonl") if line.get("type") == "entry")
    for page in entry_pages(row.pk, row.parent_seq + 1, row.last_seq):
        if isinstance(page, Damage):
            return False
        for mine, line in zip(page, lines, strict=False):
            theirs = [line.get(name) for name in ("seq", "kind", "role", "text", "at", "data")]
            if theirs != [mine.seq, mine.kind, mine.role, mine.text, mine.at, json.loads(mine.data)]:
                return False
    return True


def _holds(row: Session, last_seq: int, link: str) -> bool:
    """Whether a session here is what the package has, or went on from there."""
    if (row.last_seq, row.digest) == (last_seq, link):
        return True
    if not last_seq:
        return True  # it was empty there
    for segment in segments(row.pk) if row.last_seq > last_seq else []:
        if segment.first <= last_seq <= segment.last:
            return link_before(segment.session_id, last_seq)[0] == link
    return False
