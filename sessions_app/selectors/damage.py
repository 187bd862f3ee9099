"""Entries that cannot be read: how a reader meets them, and what is said of a session that holds one.

A damaged session takes no more messages; what can be read behind its damage is read by `salvage.py`. Whoever meets damage that nobody knows of yet
answers in the same words at once and notes it here; `runtime/quarantine.py` writes it down, so that no read needs to write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import DatabaseError
from django.db.models import Max

from sessions_app.errors import ForbiddenError
from sessions_app.models import Entry, Session
from sessions_app.values import Json

DAMAGE_MAX_CHARS = 300
NOTICED_MAX_SESSIONS = 1000
UNREADABLE = "unreadable"  # type of the stand-in for an entry that an event tells of
# what SQLite says of bytes it cannot give; anything else (busy, full, gone) is no damage
_DAMAGE_WORDS = ("could not decode to utf-8", "malformed")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Damage:
    """From which entry on a session cannot be read, and why in words for a person."""

    from_seq: int
    words: str


class UnreadableError(Exception):
    """What is stored cannot be turned into a row."""


_noticed: dict[UUID, Damage] = {}


def damage_noticed(session_id: UUID, damage: Damage) -> None:
    """Note damage for the quarantine; the lowest position counts."""
    known = _noticed.get(session_id)
    if (known is None or damage.from_seq < known.from_seq) and len(_noticed) < NOTICED_MAX_SESSIONS:
        _noticed[session_id] = damage


def noticed_taken() -> list[tuple[UUID, Damage]]:
    """Everything noted since the last call, by the session that owns the entry."""
    return [(session_id, _noticed.pop(session_id)) for session_id in list(_noticed)]


def readable_last(session: Session) -> int:
    """The newest position of a session that can be read."""
    return session.last_seq if session.damaged_from is None else min(session.last_seq, session.damaged_from - 1)


def damage_json(session: Session) -> Json:
    """{damage: {fromSeq, words}} for a damaged session, nothing for a whole one; to be merged into an answer."""
    if session.damaged_from is None:
        return {}
    return {"damage": {"fromSeq": session.damaged_from, "words": damage_words(session.damaged_from, session.damage)}}


def damage_words(from_seq: int, damage: str) -> str:
    """What a person is told on the page of a damaged session."""
    whole = f"It is whole up to entry {from_seq - 1:,}" if from_seq > 1 else "No entry before the damage is left"
    rest = "what can be read behind that is shown, but nobody vouches for it"
    return f"This session is damaged: {damage} {whole}; {rest}. It takes no new messages. Everything that is stored is kept."


def damage_refuse(session_key: str, session_id: UUID, damaged_from: int | None, damage: str) -> None:
    """Refuse to write into a damaged session, or to go on from its damage.

    Raises:
        ForbiddenError: it is damaged; the words say what to do instead.
    """
    if damaged_from is None:
        return
    earlier = f", go on from an entry before {damaged_from:,}" if damaged_from > 1 else ""
    raise ForbiddenError(
        f"This session is damaged: {damage} Nothing was written. Start a new session (this one is archived and stays readable)"
        f"{earlier}, or ask the operator to run `manage.py doctor`.",
        sessionKey=session_key,
        sessionId=str(session_id),
        damage={"fromSeq": damaged_from, "words": damage},
    )


def readable(read: Callable[[], T]) -> T:
    """Read, and tell damage apart from a database that has other troubles.

    Raises:
        UnreadableError: bytes that are no text, no JSON or no time; a page of the file that is none.
        DatabaseError: the database did not answer.
    """
    try:
        return read()
    except DatabaseError as error:
        if any(words in str(error).lower() for words in _DAMAGE_WORDS):
            raise UnreadableError from error
        raise
    except (ValueError, TypeError, RecursionError) as error:  # no JSON, no time, no UUID
        raise UnreadableError from error


def lineage_torn(session: Session) -> None:
    """Say of a session whose parent is missing that it is damaged from its first entry on."""
    session.damaged_from, session.damage = 1, "the session it continues is missing."
    damage_noticed(session.pk, Damage(1, session.damage))


def entries_readable(
    session: Session, owner_id: UUID, first: int, last: int, read: Callable[[], list[Entry]]
) -> list[Entry] | None:
    """The entries `first` to `last`, each once and whole; None when one of them is damaged. No more queries when all is well.

    Args:
        session: whose transcript is read; when damage is met, its `damaged_from` and `damage` say so from then on.
        owner_id: the session of the lineage that owns the rows.
        first, last: the positions that must be there.
        read: reads them, oldest first.
    """
    try:
        rows = readable(read)
    except UnreadableError:
        rows = []
    if len(rows) == last - first + 1 and all(is_whole(row) for row in rows):
        return rows
    for seq in range(first, last + 1):
        damage = _damage_at(owner_id, seq)
        if damage is not None:
            damage_noticed(owner_id, damage)
            session.damaged_from, session.damage = damage.from_seq, damage.words
            return None
    return rows  # what was torn a moment ago is whole now


def _damage_at(session_id: UUID, seq: int) -> Damage | None:
    """What is wrong with one entry. Two queries when it is missing: what is missing before it counts too."""
    rows = Entry.objects.filter(session_id=session_id)
    try:
        row = readable(lambda: rows.filter(seq=seq).first())
    except UnreadableError:
        return Damage(seq, f"entry {seq:,} cannot be read.")
    if row is None:
        before = rows.filter(seq__lt=seq).aggregate(newest=Max("seq"))["newest"]
        parent_seq = Session.objects.values_list("parent_seq", flat=True).get(pk=session_id)
        missing = max(before or 0, parent_seq) + 1
        return Damage(missing, f"entry {missing:,} is missing.")
    return None if is_whole(row) else Damage(seq, f"entry {seq:,} cannot be read.")


def is_whole(row: Entry) -> bool:
    """Whether a row holds what its columns say: Django gives broken JSON as text and a broken time as None, SQLite anything."""
    columns: tuple[Any, ...] = (row.text, row.data, row.created_at)
    return isinstance(columns[0], str) and isinstance(columns[1], dict) and columns[2] is not None
