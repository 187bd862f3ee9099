"""A transcript of a store, as far as its place is concerned."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from sessions_app.rescue.names import FileKind
from sessions_app.values import Json


@dataclass(slots=True)
class Transcript:
    """A file, or a part of one, that holds a session.

    Attributes:
        file: its number in the ledger.
        session_id: by its header; by its name when it has none; "" when nothing tells.
        facts: what was read of it, without what only the report tells.
        key: the session key, "" while unknown.
        key_by: what told the key: row, checkpoint, name, record, guess, asked.
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
