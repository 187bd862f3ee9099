"""What a file is, by its name and where it lies. Names lie about session ids; they do tell what happened to a file."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class FileKind(StrEnum):
    """Kinds of files of a store."""

    TRANSCRIPT = "transcript"
    RESET = "reset-archive"
    DELETED = "deleted-archive"
    BACKUP = "backup"
    CHECKPOINT = "checkpoint"
    COLD = "cold-archive"
    IMPORTED = "imported-original"
    DATABASE = "database"
    DATABASE_SIDE = "database-side-file"
    TRAJECTORY = "trajectory"
    POINTER = "trajectory-pointer"
    INDEX = "index"
    INDEX_BACKUP = "index-backup"
    TEMP = "temporary"
    LOCK = "lock"
    CRON_RUNS = "cron-runs"
    CRON = "cron"
    OTHER = "other"


TRANSCRIPTS = frozenset(
    {
        FileKind.TRANSCRIPT,
        FileKind.IMPORTED,
        FileKind.RESET,
        FileKind.DELETED,
        FileKind.BACKUP,
        FileKind.CHECKPOINT,
        FileKind.COLD,
    }
)
LINED = TRANSCRIPTS | {FileKind.TRAJECTORY}


@dataclass(frozen=True, slots=True)
class Name:
    """What a path says.

    Attributes:
        kind: what it is.
        agent: whose, by the directory.
        base: the name before `.jsonl`, by which files of one transcript belong together.
        stamp: when it was put aside, by its name.
        own_id: the uuid of a checkpoint file, one that was renamed too.
        is_zstd: compressed.
    """

    kind: FileKind
    agent: str = "main"
    base: str = ""
    stamp: datetime.datetime | None = None
    own_id: str = ""
    is_zstd: bool = False


# Directories that programs fill with parts of themselves; a store has tens of thousands of such files, and no conversation lies in them.
PARTS = frozenset({"node_modules", "plugin-runtime-deps", ".git", ".venv", "site-packages", "__pycache__"})

UUID_TEXT = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_UUID = re.compile(UUID_TEXT)
_AGENT = re.compile(r"(?<![^/])agents/(?=(?!sessions/)([^/]+)/)")
_ASIDE = re.compile(r"^(?P<base>.+?)\.jsonl\.(?P<how>reset|deleted|bak)[.-](?P<rest>.+)$")
_CHECKPOINT = re.compile(rf"^(?P<base>.+?)\.checkpoint\.(?P<own>{UUID_TEXT})\.jsonl$")
_STAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d)[-:](\d\d)[-:](\d\d)(?:[.-](\d{1,6}))?Z?")
# what the import of 2026.9 put aside: `<key, written otherwise>.<its former name>.imported-<epoch ms>`
_IMPORTED = re.compile(r"^(?P<name>.+)\.imported-(?P<at>\d+)$")
_FORMER = re.compile(rf"^.*?\.(?P<name>(?:\d{{4}}-\d\d-\d\dT[\d-]+Z_)?{UUID_TEXT}.*|sessions\.json)$")
_HOW = {"reset": FileKind.RESET, "deleted": FileKind.DELETED, "bak": FileKind.BACKUP}


def named(path: str, root_hint: str = "") -> Name:
    """What a relative path says; `root_hint` is the directory's own path, for those that begin inside an agent's."""
    agents = _AGENT.findall(f"{root_hint.strip('/')}/{path}")
    agent = agents[-1] if agents else "main"
    file = path.rsplit("/", 1)[-1]
    if match := _IMPORTED.match(file):
        return _imported(match, path, root_hint)
    plain = file.removesuffix(".zst")
    is_zstd = plain != file
    where = f"/{root_hint.strip('/')}/{path}"
    kind = _special(plain, where)
    if kind is not None:
        return Name(kind, agent, plain.split(".")[0], is_zstd=is_zstd)
    if match := _CHECKPOINT.match(plain):
        return Name(FileKind.CHECKPOINT, agent, match["base"], None, match["own"].lower(), is_zstd)
    if match := _ASIDE.match(plain):
        base, _, own_id = match["base"].partition(".checkpoint.")
        return Name(_aside_kind(match), agent, base, stamped(match["rest"]), own_id.lower(), is_zstd)
    if plain.endswith(".jsonl"):
        kind = FileKind.CRON_RUNS if "/cron/runs/" in where else FileKind.TRANSCRIPT
        kind = FileKind.COLD if "/cold/" in where and kind is FileKind.TRANSCRIPT else kind
        return Name(kind, agent, plain.removesuffix(".jsonl"), None, "", is_zstd)
    return Name(FileKind.CRON if "/cron/" in where else FileKind.OTHER, agent, "", is_zstd=is_zstd)


def _imported(match: re.Match[str], path: str, root_hint: str) -> Name:
    """A file that the import into the database put aside is what it was, and no longer in use."""
    former = _FORMER.match(match["name"])
    directory = path.rpartition("/")[0]
    was = named(f"{directory}/{former['name'] if former else match['name']}".lstrip("/"), root_hint)
    kind = {FileKind.TRANSCRIPT: FileKind.IMPORTED, FileKind.INDEX: FileKind.INDEX_BACKUP}.get(was.kind, was.kind)
    return replace(was, kind=kind, stamp=was.stamp or moment(int(match["at"])))


def _aside_kind(match: re.Match[str]) -> FileKind:
    """A trajectory that was put aside stays one; the repair of 2026.4.21 renames those too."""
    return FileKind.TRAJECTORY if match["base"].endswith(".trajectory") else _HOW[match["how"]]


def _special(plain: str, where: str) -> FileKind | None:  # noqa: PLR0911 - one return for each kind
    if plain.endswith(".trajectory.jsonl"):
        return FileKind.TRAJECTORY
    if plain.endswith(".trajectory-path.json"):
        return FileKind.POINTER
    if plain.endswith(".lock"):
        return FileKind.LOCK
    if plain.endswith((".tmp", ".partial")):
        return FileKind.TEMP
    if plain == "sessions.json":
        return FileKind.INDEX
    if plain.startswith("sessions.json."):
        return FileKind.INDEX_BACKUP
    if plain.endswith((".sqlite-wal", ".sqlite-shm", ".sqlite-journal")):
        return FileKind.DATABASE_SIDE
    if plain.startswith("openclaw-agent") and ".sqlite" in plain:
        return FileKind.DATABASE
    return None


def stamped(text: str) -> datetime.datetime | None:
    """The time in a file name, `2026-04-22T19-07-46.300Z` or the milliseconds of `<pid>-<epochms>`."""
    if match := _STAMP.search(text):
        numbers = [int(part) for part in match.groups()[:6]]
        micros = int((match[7] or "0").ljust(6, "0"))
        try:
            return datetime.datetime(*numbers, micros, tzinfo=datetime.UTC)  # type: ignore[misc, arg-type]
        except ValueError:
            return None
    last = text.rsplit("-", 1)[-1]
    return moment(int(last)) if last.isdigit() and len(last) == 13 else None


def moment(milliseconds: Any) -> datetime.datetime | None:
    """A time from epoch milliseconds or ISO text; None when it is neither, or lies outside 1971 to 2199."""
    try:
        if isinstance(milliseconds, str):
            at = datetime.datetime.fromisoformat(milliseconds)
            at = (at.replace(tzinfo=datetime.UTC) if at.tzinfo is None else at).astimezone(datetime.UTC)
        elif isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
            return None
        else:
            at = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if 1971 <= at.year < 2200 else None


def milliseconds(value: Any) -> float:
    """A time of the index, in milliseconds since 1970; 0 where there is none that can be."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e17 else 0.0


def parts_of(path: str) -> str:
    """The topmost directory of a program's parts that a path lies in, with a `/` behind it; "" for none."""
    folders = path.split("/")[:-1]
    found = next((number for number, name in enumerate(folders, 1) if name in PARTS), 0)
    return "/".join(folders[:found]) + "/" if found else ""


def is_surely_transcript(path: str, root_hint: str = "") -> bool:
    """Whether a `.jsonl` file is a transcript by where it lies or what it is called; any other must look like one."""
    where = f"/{root_hint.strip('/')}/{path}"
    return "/sessions/" in where or bool(_UUID.search(path.rsplit("/", 1)[-1]))


def uuid_in(text: str) -> str:
    """The last uuid in a name, in small letters; "" without one."""
    found = _UUID.findall(text)
    return str(found[-1]).lower() if found else ""
