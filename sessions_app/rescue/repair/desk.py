"""One sessions directory while a repair of it is planned: its names and rows as they are, and as they will be."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from typing import Any

from sessions_app.rescue.index import base_of
from sessions_app.rescue.names import FileKind
from sessions_app.rescue.repair.json_text import members_of
from sessions_app.rescue.repair.place import Place, digest_of
from sessions_app.rescue.transcripts import Transcript
from sessions_app.values import Json

INDEX = "sessions.json"
ROWS_MAX = 500  # 2026.4.21 forgets rows above this number at its next start


@dataclass
class Desk:
    """What is planned for one directory.

    Attributes:
        path: relative to the root of the store; "" for the root itself.
        place: the directory.
        agent: whose it is.
        transcripts: what lies in it, of the file era.
        stamp: the time of the repair, ISO.
        names: every name there will be.
        rows: key to entry, as they will be.
        shows: key to the live file its row names, as it will be.
        older: key to entries of index backups, for rows that were lost.
        slices: of a file that is a slice of a session: all of that session's, in order.
        problem: why its index cannot be read.
    """

    path: str
    place: Place
    agent: str
    transcripts: list[Transcript]
    stamp: str
    names: set[str] = field(default_factory=set)
    rows: dict[str, Json] = field(default_factory=dict)
    shows: dict[str, str] = field(default_factory=dict)
    older: dict[str, Json] = field(default_factory=dict)
    slices: dict[int, list[Transcript]] = field(default_factory=dict)
    problem: str = ""
    index_digest: str | None = None
    index_is_broken: bool = False
    copies: list[Json] = field(default_factory=list)
    edits: dict[str, Json] = field(default_factory=dict)
    asides: list[Json] = field(default_factory=list)
    expects: dict[str, Json] = field(default_factory=dict)

    def read(self, raw: bytes | None) -> None:
        """Take the directory's names and its index as they are."""
        self.names = self.place.names()
        if raw is None:
            return
        self.index_digest = digest_of(iter([raw]))
        text = index_text(raw)
        found, is_whole = members_of(text)
        self.index_is_broken = not is_whole
        for member in found:
            entry = parsed_value(text[member.value : member.end])
            if isinstance(entry, dict):
                self.rows[member.key] = entry
                self.shows[member.key] = shown_file(entry)

    def users_of(self, name: str, *, but: str = "") -> list[str]:
        """Keys whose rows show a file."""
        return sorted(key for key, shown in self.shows.items() if shown == name and key != but)

    def free_name(self, name: str, how: str) -> str:
        """A free name for a file that is put aside, as the program would give it."""
        at = datetime.datetime.fromisoformat(self.stamp)
        while True:
            aside = f"{name}.{how}.{stamp_text(at)}"
            if aside not in self.names:
                self.names.add(aside)
                return aside
            at += datetime.timedelta(milliseconds=1)

    @property
    def stamp_in_names(self) -> str:
        """The time of the repair, as it stands in the names of forks."""
        return stamp_text(datetime.datetime.fromisoformat(self.stamp)).replace(".", "-")

    @property
    def stamp_millis(self) -> int:
        """The time of the repair, in milliseconds since 1970."""
        return int(datetime.datetime.fromisoformat(self.stamp).timestamp() * 1000)

    def live(self) -> list[Transcript]:
        """The transcripts under live names."""
        return [each for each in self.transcripts if each.kind is FileKind.TRANSCRIPT]


def index_text(raw: bytes) -> str:
    """An index as text from which the same bytes can be made again."""
    return raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def parsed_value(text: str) -> Any:
    """A JSON value; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def shown_file(entry: Json) -> str:
    """The live file a row names: by its path's last part, else by its session id; "" for none."""
    file, session = entry.get("sessionFile"), entry.get("sessionId")
    base = base_of(file) if isinstance(file, str) else ""
    base = base or (session if isinstance(session, str) else "")
    return f"{base}.jsonl" if base and "/" not in base else ""


def stamp_text(at: datetime.datetime) -> str:
    """A time as the program writes it in file names."""
    return at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H-%M-%S.") + f"{at.microsecond // 1000:03d}Z"


def name_of(each: Transcript) -> str:
    """The file name of a transcript."""
    return each.path.rsplit("/", 1)[-1]
