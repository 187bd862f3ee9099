"""Undoing a repair: every file is brought back byte for byte, with its name, its times and its permissions."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sessions_app.errors import InvalidParamsError, StorageUnavailableError
from sessions_app.rescue.repair.backup import UNDONE, document_written, manifest_read
from sessions_app.rescue.repair.place import Place, checked_name, digest_of
from sessions_app.rescue.repair.running import signs_of_life
from sessions_app.values import Json

Progress = Callable[[str], None]
KEPT = "newer"


def _silent(_words: str) -> None:
    """Nobody watches."""


def repair_undo(backup: str | Path, *, force: bool = False, progress: Progress = _silent) -> Json:
    """Bring a directory back to what it was before a repair, finished or interrupted. May be repeated.

    Args:
        backup: the directory the repair printed.
        force: undo although a gateway may be running, or files were written since; those are kept in the backup.
        progress: told in words before each change; what it raises stops it there.

    Returns:
        {backup, root, restored: [path], removed: [path], kept: [path]}; `kept` are newer contents, moved into the backup.

    Raises:
        NotFoundError, InvalidParamsError: it is no backup, it is damaged, or it was refused.
        StorageUnavailableError: the disk did not take it; run it again.
    """
    home = Path(backup).expanduser()
    manifest = manifest_read(home)
    try:
        return _undone(home, manifest, force=force, progress=progress)
    except OSError as error:
        words = f"Undoing stopped: {error}. Nothing is lost; run it again."
        raise StorageUnavailableError(words, backup=str(home)) from error


def _undone(home: Path, manifest: Json, *, force: bool, progress: Progress) -> Json:
    _whole(home, manifest)
    report: Json = {"backup": str(home), "root": manifest["root"], "restored": [], "removed": [], "kept": []}
    places = [Place(manifest["root"], each["path"]) for each in manifest["directories"]]
    try:
        if not force:
            _allowed(manifest, places)
        for directory, place in zip(manifest["directories"], places, strict=True):
            undoing = _Undoing(home, place, directory, report, progress)
            undoing.go()
    finally:
        for place in places:
            os.close(place.number)
    document_written(home, UNDONE, {"at": int(time.time() * 1000), **report})
    return report


def _whole(home: Path, manifest: Json) -> None:
    """The backup itself must be whole before anything is touched."""
    for directory in manifest["directories"]:
        for each in directory["originals"]:
            with (home / checked_name(each["blob"])).open("rb") as stream:
                digest = digest_of(iter(lambda s=stream: s.read(1 << 20), b""))  # type: ignore[misc]
            if digest != each["digest"]:
                raise InvalidParamsError(f"The backup is damaged: {each['blob']} is not what it was.", field="backup")


def _allowed(manifest: Json, places: list[Place]) -> None:
    signs = signs_of_life(Path(manifest["state"]), places)
    if signs:
        raise InvalidParamsError(f"A gateway seems to run on this directory: {'; '.join(signs[:5])}.", signs=signs)
    newer = []
    for directory, place in zip(manifest["directories"], places, strict=True):
        known = _known(directory)
        newer += [name for name in sorted(known) if place.digest(name) not in (None, *known[name])]
    if newer:
        words = f"Written since the repair: {', '.join(newer[:5])}. With force the old state comes back, and what is newer is kept in the backup."
        raise InvalidParamsError(words, newer=newer)


def _known(directory: Json) -> dict[str, set[str]]:
    """For each name of a directory that a repair touched, the contents it may have: before, and after."""
    found: dict[str, set[str]] = {}
    for each in (*directory["originals"], *directory["made"]):
        found.setdefault(checked_name(each["name"]), set()).add(each["digest"])
    return found


class _Undoing:
    """One directory."""

    def __init__(self, home: Path, place: Place, directory: Json, report: Json, progress: Progress) -> None:
        self.home, self.place, self.directory, self.report, self.progress = home, place, directory, report, progress
        self.known = _known(directory)

    def go(self) -> None:
        """Old files first, then what the repair made goes, then times."""
        for each in sorted(self.directory["originals"], key=lambda each: each["name"] == "sessions.json"):
            self._restored(each)
        for each in self.directory["made"]:
            if each["isNew"] and self.place.facts(each["name"]) is not None:
                self._kept_if_newer(each["name"])
                self.progress(f"Remove {each['name']}.")
                self.place.removed(each["name"])
                self.report["removed"].append(self._path(each["name"]))
        for name in self.directory["temps"]:
            self.place.removed(checked_name(name))
        self.place.flushed()
        os.utime(self.place.number, ns=(self.directory["accessedNs"], self.directory["modifiedNs"]))

    def _path(self, name: str) -> str:
        return f"{self.directory['path']}/{name}".lstrip("/")

    def _restored(self, each: Json) -> None:
        name = checked_name(each["name"])
        if self.place.digest(name) != each["digest"]:
            if self.place.facts(name) is not None:
                self._kept_if_newer(name)
            temp = f"{name}.{uuid.uuid5(uuid.NAMESPACE_OID, str(self.home) + name)}.tmp"
            self.place.removed(temp)
            self.progress(f"Bring back {name}.")
            with (self.home / each["blob"]).open("rb") as stream:
                self.place.written(temp, iter(lambda: stream.read(1 << 20), b""), each["mode"])
            self.progress(f"Give {name} its name.")
            self.place.replaced(temp, name)
            self.report["restored"].append(self._path(name))
        with suppress(PermissionError):
            os.chown(name, each["uid"], each["gid"], dir_fd=self.place.number, follow_symlinks=False)
        os.chmod(name, each["mode"], dir_fd=self.place.number)
        self.place.timed(name, each["accessedNs"], each["modifiedNs"])

    def _kept_if_newer(self, name: str) -> None:
        """Content that neither the repair nor the time before it knows is kept in the backup."""
        if self.place.digest(name) in self.known.get(name, set()):
            return
        home = self.home / KEPT
        home.mkdir(mode=0o700, exist_ok=True)
        target = home / f"{time.time_ns()}-{name}"[:200]
        self.progress(f"Keep the newer {name} in {target}.")
        with target.open("xb") as copy:
            for chunk in self.place.chunks(name):
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        self.report["kept"].append(str(target))
