"""Safe paths: every file below a directory, nothing outside it, symbolic links and devices reported and not followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sessions_app.errors import InvalidParamsError, NotFoundError

MAX_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Found:
    """One name below the directory.

    Attributes:
        path: relative, with `/`, printable: bytes that are no UTF-8 are written out.
        place: where to open it.
        size: bytes.
        modified: seconds since 1970.
        problem: code of a finding when it must not or cannot be read, else "".
    """

    path: str
    place: str
    size: int
    modified: float
    problem: str = ""


def directory_checked(path: str | Path) -> Path:
    """The real path of a directory that may be scanned.

    Raises:
        NotFoundError: there is no such directory.
        InvalidParamsError: it is something else.
    """
    place = Path(path).expanduser()
    try:
        real = place.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise NotFoundError(f"There is no directory {printable(str(path))}.") from error
    if not real.is_dir():
        raise InvalidParamsError(f"{printable(str(path))} is not a directory. Give the data directory itself.")
    return real


def printable(text: str) -> str:
    """A name as text that can be stored and printed anywhere."""
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in clean)


def files_below(root: Path) -> Iterator[Found]:
    """Every name that is no directory, in a fixed order; what cannot be read is told by its `problem`."""
    waiting: list[tuple[str, str, int]] = [("", str(root), 0)]
    while waiting:
        above, place, depth = waiting.pop()
        try:
            with os.scandir(place) as entries:
                names = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            yield Found(above or ".", place, 0, 0.0, "unreadable-directory")
            continue
        below = []
        for entry in names:
            path = f"{above}/{printable(entry.name)}" if above else printable(entry.name)
            if entry.is_dir(follow_symlinks=False):
                if depth >= MAX_DEPTH:
                    yield Found(path, entry.path, 0, 0.0, "unreadable-directory")
                else:
                    below.append((path, entry.path, depth + 1))
            else:
                yield _found(root, path, entry)
        waiting += reversed(below)


def _found(root: Path, path: str, entry: os.DirEntry[str]) -> Found:
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError:
        return Found(path, entry.path, 0, 0.0, "unreadable-file")
    if stat.S_ISLNK(facts.st_mode):
        return Found(path, entry.path, 0, facts.st_mtime, _link_problem(root, entry.path))
    problem = "" if stat.S_ISREG(facts.st_mode) else "special-file"
    return Found(path, entry.path, facts.st_size if not problem else 0, facts.st_mtime, problem)


def _link_problem(root: Path, place: str) -> str:
    """Where a link points is asked, never gone to."""
    try:
        target = Path(os.path.normpath(Path(place).parent / os.readlink(place)))
        return "link-not-followed" if target.is_relative_to(root) else "path-leaves-directory"
    except (OSError, ValueError):
        return "path-leaves-directory"


def opened(place: str | bytes) -> BinaryIO:
    """A file for reading, if it still is a plain file.

    Raises:
        OSError: it cannot be read, or became a link or a device meanwhile.
    """
    number = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError("not a plain file")
        return os.fdopen(number, "rb", buffering=0)
    except BaseException:
        os.close(number)
        raise
