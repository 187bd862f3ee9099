"""One directory of a store, held open: every name is looked up in it and nowhere else, and no link is ever followed."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from sessions_app.errors import InvalidParamsError

_CHUNK_BYTES = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def checked_name(name: object) -> str:
    """A plain file name.

    Raises:
        InvalidParamsError: it is a path, or none.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or "/" in name or "\0" in name:
        raise InvalidParamsError("A plan names files of its directory only.", field="plan")
    return name


class Place:
    """A directory below a root, opened step by step so that no part of its path is a link. Use as a context manager."""

    def __init__(self, root: str | Path, path: str = "") -> None:
        self.path = Path(root) / path
        number = os.open(root, _DIRECTORY)
        try:
            for part in [part for part in path.split("/") if part]:
                below = os.open(checked_name(part), _DIRECTORY, dir_fd=number)
                os.close(number)
                number = below
        except BaseException:
            os.close(number)
            raise
        self.number = number

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        os.close(self.number)

    def names(self) -> set[str]:
        """Every name in it."""
        return set(os.listdir(self.number))

    def facts(self, name: str) -> os.stat_result | None:
        """What the system says of a name; None when it is not there."""
        try:
            return os.stat(name, dir_fd=self.number, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def opened(self, name: str) -> BinaryIO:
        """A plain file for reading.

        Raises:
            OSError: it is not there, a link, or no plain file.
        """
        number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.number)
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise OSError("not a plain file")
        return os.fdopen(number, "rb")

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file."""
        with self.opened(name) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                yield chunk

    def digest(self, name: str) -> str | None:
        """SHA-256 of a file; None when it is not there.

        Raises:
            OSError: it is no plain file, or cannot be read.
        """
        if self.facts(name) is None:
            return None
        return digest_of(self.chunks(name))

    def written(self, name: str, chunks: Iterator[bytes], mode: int) -> None:
        """Write a new file and flush it to the disk.

        Raises:
            FileExistsError: the name is taken.
        """
        number = os.open(name, _NEW, 0o600, dir_fd=self.number)
        with os.fdopen(number, "wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())

    def linked(self, name: str, other: str) -> None:
        """Give a file a second name, which must be free; where links cannot be made, a copy with the same time."""
        try:
            os.link(name, other, src_dir_fd=self.number, dst_dir_fd=self.number, follow_symlinks=False)
        except FileExistsError:
            raise
        except OSError:
            facts = os.stat(name, dir_fd=self.number, follow_symlinks=False)
            self.written(other, self.chunks(name), stat.S_IMODE(facts.st_mode))
            self.timed(other, facts.st_atime_ns, facts.st_mtime_ns)

    def replaced(self, temp: str, name: str) -> None:
        """Let a written file take a name, at once."""
        os.rename(temp, name, src_dir_fd=self.number, dst_dir_fd=self.number)
        self.flushed()

    def removed(self, name: str) -> None:
        """Take a name away; one that is not there is no error."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.number)
            self.flushed()

    def timed(self, name: str, accessed_ns: int, modified_ns: int) -> None:
        """Set the times of a file."""
        os.utime(name, ns=(accessed_ns, modified_ns), dir_fd=self.number, follow_symlinks=False)

    def flushed(self) -> None:
        """Bring the directory itself to the disk."""
        with suppress(OSError):
            os.fsync(self.number)


def digest_of(chunks: Iterator[bytes]) -> str:
    """SHA-256 of some bytes, 64 hex digits."""
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest()
