"""Opening a package: everything in it is proven before anything of it is believed. A changed byte refuses all of it, by name."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from sessions_app.canonical import canonical, digest
from sessions_app.errors import InvalidParamsError
from sessions_app.runtime.rescue_jobs.unpacking import Limits, unpacked
from sessions_app.runtime.transfer.package import SEAL_BYTES, SEAL_HEAD
from sessions_app.values import Json
from sessions_app.values.transfer import AUDIT, CONVERSATIONS, FORMAT, MANIFEST, VERSION

Told = Callable[[int, int], None]
_CHUNK_BYTES = 1 << 20
_MANIFEST_MAX_BYTES = 512 << 20
_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME = re.compile(rf"{CONVERSATIONS}|{AUDIT}|(sessions|originals)/{_ID}\.jsonl")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A package whose content is what its manifest says."""

    folder: Path
    manifest: Json

    @property
    def sessions(self) -> dict[str, Json]:
        """{id: {key, parent, parentSeq, lastSeq, digest, damagedFrom}}."""
        found: dict[str, Json] = self.manifest["sessions"]
        return found

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self.manifest["files"]

    def lines(self, name: str) -> Iterator[Json]:
        """The lines of a file.

        Raises:
            InvalidParamsError: one is no JSON object.
        """
        with os.fdopen(_handle(self.folder, name), encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                yield _object(line, f"Line {number:,} of {name}")


@contextlib.contextmanager
def package_opened(path: Path, told: Told = lambda _done, _total: None) -> Iterator[Opened]:
    """A package that is whole.

    Args:
        path: a file of ours, which is unpacked into the data directory for as long as the block lasts; or a folder.
        told: (bytes proven, bytes in all).

    Raises:
        InvalidParamsError: it is none, or not what was exported; the words name the file. Nothing was written.
        TooLargeError: it unpacks to more than HOLDFAST_RESCUE_UNPACKED_MAX_BYTES, or than the disk has room for.
    """
    if path.is_dir():
        yield _proven(path, told)
        return
    if not path.is_file():
        raise InvalidParamsError(f"There is no {path}.", field="file")
    _sealed(path)
    with tempfile.TemporaryDirectory(prefix="import-", dir=settings.DATA_DIR) as place:
        folder = Path(place) / "package"
        limits = Limits(settings.RESCUE_UNPACKED_MAX_FILES, settings.RESCUE_UNPACKED_MAX_BYTES)
        facts = unpacked(path, folder, limits, lambda done, total, _name: told(done, total))
        for row in facts["leftOut"]:
            raise InvalidParamsError(
                f"{path.name} holds what no export does: {row['name']}, {row['why']}.", field="file"
            )
        yield _proven(folder, told)


def _sealed(path: Path) -> None:
    """Refuse a file that is not, byte for byte, what was written."""
    size, link = path.stat().st_size, hashlib.sha256()
    with path.open("rb") as file:
        left = size - SEAL_BYTES
        while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
            link.update(chunk)
            left -= len(chunk)
        seal = file.read()
    if not seal.startswith(SEAL_HEAD) or len(seal) != SEAL_BYTES:
        words = "is no export of Holdfast, or was cut off. An export that was packed again is imported as its folder."
        raise InvalidParamsError(f"{path.name} {words}", field="file")
    if seal != SEAL_HEAD + link.hexdigest().encode():
        raise InvalidParamsError(f"{path.name} is not what was exported: its seal does not fit. Nothing was written.")


def _proven(folder: Path, told: Told) -> Opened:
    manifest = _manifest(folder)
    files: Json = manifest["files"]
    total, done = sum(facts["bytes"] for facts in files.values()), 0
    for name, facts in files.items():
        link, size = hashlib.sha256(), 0
        with os.fdopen(_handle(folder, name), "rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                link.update(chunk)
                size += len(chunk)
        if (size, link.hexdigest()) != (facts["bytes"], facts["sha256"]):
            raise InvalidParamsError(f"{name} is not what was exported. Nothing was written.", field="file")
        done += size
        told(done, total)
    return Opened(folder, manifest)


def _manifest(folder: Path) -> Json:
    with os.fdopen(_handle(folder, MANIFEST), "rb") as file:
        raw = file.read(_MANIFEST_MAX_BYTES)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidParamsError(f"{MANIFEST} is not what was exported. Nothing was written.") from error
    manifest = _object(text, MANIFEST)
    if manifest.get("format") != FORMAT:
        raise InvalidParamsError(f"{MANIFEST} is none of an export of Holdfast.", field="file")
    if manifest.get("version") != VERSION:
        raise InvalidParamsError(
            f"This export has format version {manifest.get('version')}; this Holdfast reads {VERSION}."
        )
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    if canonical(manifest) + "\n" != text or manifest.get("sha256") != digest(rest) or not _is_shaped(manifest):
        raise InvalidParamsError(f"{MANIFEST} is not what was exported. Nothing was written.")
    return manifest


def _is_shaped(manifest: Json) -> bool:
    """Whether a manifest has the shape of one of ours; an export may come from anybody."""
    files, sessions = manifest.get("files"), manifest.get("sessions")
    if not isinstance(files, dict) or not isinstance(sessions, dict) or not {CONVERSATIONS, AUDIT} <= set(files):
        return False
    named = {f"sessions/{pk}.jsonl" for pk in sessions}
    return (
        named == {name for name in files if name.startswith("sessions/")}
        and all(_NAME.fullmatch(name) for name in files)
        and all(_is_file(facts) for facts in files.values())
        and all(_is_session(facts, sessions) for facts in sessions.values())
    )


def _is_file(facts: Any) -> bool:
    return (
        isinstance(facts, dict)
        and all(isinstance(facts.get(name), int) and facts[name] >= 0 for name in ("bytes", "lines"))
        and bool(_HASH.fullmatch(str(facts.get("sha256"))))
    )


def _is_session(facts: Any, sessions: Json) -> bool:
    if not isinstance(facts, dict) or not isinstance(facts.get("key"), str) or not isinstance(facts.get("digest"), str):
        return False
    parent = facts.get("parent")
    numbers = (facts.get("parentSeq"), facts.get("lastSeq"))
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        return False
    return parent is None or parent in sessions


def _handle(folder: Path, name: str) -> int:
    """An open file of a package; a link is none."""
    place = folder / name
    if place.parent != folder and place.parent.is_symlink():
        raise InvalidParamsError(f"{place.parent.name} is a symbolic link. Nothing was written.", field="file")
    try:
        return os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise InvalidParamsError(f"{name} is missing. Nothing was written.", field="file") from error
    except OSError as error:
        raise InvalidParamsError(f"{name} cannot be read: {error.strerror}.", field="file") from error


def _object(text: str, what: str) -> Json:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidParamsError(f"{what} is no JSON.", field="file") from error
    if not isinstance(found, dict):
        raise InvalidParamsError(f"{what} is no JSON object.", field="file")
    return found
