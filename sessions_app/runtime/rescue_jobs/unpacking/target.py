"""Where an archive is unpacked to: names checked, bytes counted, nothing outside, nothing executable, nothing but plain files."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from sessions_app.errors import InvalidParamsError, TooLargeError
from sessions_app.rescue.places import MAX_DEPTH, printable
from sessions_app.values import Json

Told = Callable[[int, int, str], None]
CHUNK_BYTES = 1 << 20
NAME_MAX_BYTES, PATH_MAX_BYTES, LEFT_OUT_SHOWN = 255, 4000, 100
FREE_KEPT_BYTES = 512 << 20
_FREE_EVERY_BYTES = 64 << 20


class Readable(Protocol):
    """Gives bytes."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one archive: names of any kind, and bytes that come out of it."""

    files: int
    size: int


@dataclass
class Target:
    """A folder that fills up."""

    folder: Path
    limits: Limits
    told: Told
    files: int = 0
    size: int = 0
    archive_size: int = 0
    left_out: list[Json] = field(default_factory=list)
    left_out_count: int = 0
    _names: int = 0
    _looked: int = -_FREE_EVERY_BYTES

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700)

    def facts(self) -> Json:
        """What was unpacked, and what was left out."""
        return {
            "files": self.files,
            "bytes": self.size,
            "leftOut": self.left_out,
            "leftOutCount": self.left_out_count,
        }

    def place(self, name: str) -> Path | None:
        """Where a member belongs; None when it is the archive's own root, or cannot be stored (then it is listed).

        Raises:
            InvalidParamsError: it would lie outside.
            TooLargeError: there are too many.
        """
        self._names += 1
        if self._names > self.limits.files:
            raise TooLargeError(f"The archive holds more than {self.limits.files:,} files. Nothing of it was read.")
        plain = name.replace("\\", "/")
        parts = [part for part in plain.split("/") if part not in ("", ".")]
        is_drive = plain[1:3] == ":/" and plain[0].isalpha()
        if plain.startswith("/") or is_drive or ".." in parts or "\x00" in plain:
            words = f"The archive names a place outside of itself: {printable(name)[:200]}. Nothing of it was read."
            raise InvalidParamsError(words)
        if not parts:
            return None
        place = self.folder / PurePosixPath(*parts)
        is_long = len(os.fsencode(place)) > PATH_MAX_BYTES or any(
            len(os.fsencode(part)) > NAME_MAX_BYTES for part in parts
        )
        if is_long or len(parts) > MAX_DEPTH:
            self.leave_out(name, "its name is too long or too deep")
            return None
        return place

    def leave_out(self, name: str, why: str) -> None:
        """List a member that is not unpacked."""
        self.left_out_count += 1
        if len(self.left_out) < LEFT_OUT_SHOWN:
            self.left_out.append({"name": printable(name)[:300], "why": why})

    def folder_made(self, name: str) -> None:
        """A directory of the archive."""
        place = self.place(name)
        if place is not None:
            self._folders(place)

    def file_made(self, name: str, content: Readable, modified: float) -> None:
        """A plain file of the archive; of two with one name the later stays, as tar does it.

        Raises:
            TooLargeError: more comes out than may.
        """
        place = self.place(name)
        if place is None or not self._folders(place.parent):
            return
        if place.is_dir():
            self.leave_out(name, "a directory has the same name")
            return
        if place.exists():
            self.leave_out(name, "an earlier file of the same name; the later one is used")
            place.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(place, flags, 0o600), "wb") as file:
            while chunk := content.read(CHUNK_BYTES):
                self.counted(len(chunk))
                file.write(chunk)
        with contextlib.suppress(OverflowError, OSError, ValueError):
            os.utime(place, (modified, modified))
        self.files += 1

    def linked(self, name: str, target: str) -> None:
        """A second name of a file that came before in the archive."""
        place, source = self.place(name), self.place(target)
        if place is None or source is None or not source.is_file() or place.exists():
            self.leave_out(name, "a link to nothing in the archive")
        elif self._folders(place.parent):
            os.link(source, place, follow_symlinks=False)
            self.files += 1

    def counted(self, size: int) -> None:
        """Bytes came out.

        Raises:
            TooLargeError: too many for the limit, or for the disk.
        """
        self.size += size
        if self.size > self.limits.size:
            gib = self.limits.size / (1 << 30)
            raise TooLargeError(f"The archive unpacks to more than {gib:,.1f} GiB. Nothing of it was read.")
        if self.size - self._looked >= _FREE_EVERY_BYTES:
            self._looked = self.size
            if shutil.disk_usage(self.folder).free < FREE_KEPT_BYTES:
                raise TooLargeError(
                    "The disk has no room to unpack this archive. Make room, or unpack it elsewhere and scan that path."
                )

    def _folders(self, place: Path) -> bool:
        missing = []
        while not place.is_dir():
            missing.append(place)
            place = place.parent
        for each in reversed(missing):  # one by one: the rights of parents are not asked for otherwise
            try:
                each.mkdir(mode=0o700)
            except FileExistsError:
                self.leave_out(str(missing[0].relative_to(self.folder)), "a file has the same name as its directory")
                return False
        return True
