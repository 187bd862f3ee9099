"""Writing a package: its members in order, each hashed as it is written; equal content gives equal bytes.

A file is a zstd-compressed tar with fixed facts about its members, and ends with a seal: a skippable zstd frame (RFC 8878, 3.1.2) that holds the
SHA-256 of all before it. `tar` and `zstd` pass over it; an import does not. Written under another name, flushed, then named.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import struct
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

import zstandard

from sessions_app.canonical import canonical, digest
from sessions_app.errors import InvalidParamsError, StorageUnavailableError
from sessions_app.runtime.flushing import flushed
from sessions_app.values import Json
from sessions_app.values.transfer import FORMAT, MANIFEST, VERSION

FILE_ENDING = ".tar.zst"
SEAL_HEAD = struct.pack("<II", 0x184D2A5B, 64)
SEAL_BYTES = len(SEAL_HEAD) + 64
_LEVEL = 3
_SPOOL_BYTES = 4 << 20  # of a member that stays in memory until it is whole


class Sink(Protocol):
    """Takes members, one after the other."""

    def put(self, name: str, content: IO[bytes], size: int) -> None:
        """Take a member."""
        ...

    def end(self) -> None:
        """No more follow."""
        ...


class FolderSink:
    """A folder of plain files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, content: IO[bytes], size: int) -> None:
        """Write a file; `size` is not needed."""
        place = self._folder / name
        place.parent.mkdir(exist_ok=True, mode=0o700)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            shutil.copyfileobj(content, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())

    def end(self) -> None:
        """Flush the names."""
        for place in (self._folder, *(each for each in self._folder.iterdir() if each.is_dir())):
            flushed(place)


class TarSink:
    """A compressed tar into a stream."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._link = stream, hashlib.sha256()
        packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True, write_content_size=False)
        self._zstd = packer.stream_writer(self, closefd=False)  # type: ignore[arg-type]
        self._tar = tarfile.open(fileobj=self._zstd, mode="w|", format=tarfile.GNU_FORMAT)  # noqa: SIM115 - closed by `end`

    def write(self, chunk: bytes) -> int:
        """What the packer gives."""
        self._link.update(chunk)
        return self._stream.write(chunk)

    def put(self, name: str, content: IO[bytes], size: int) -> None:
        """Add a member; whose it was, and when, is not kept."""
        facts = tarfile.TarInfo(name)
        facts.size, facts.mode = size, 0o600
        self._tar.addfile(facts, content)
        self._tar.members.clear()  # type: ignore[attr-defined] # it would keep every header

    def end(self) -> None:
        """Close the tar and set the seal."""
        self._tar.close()
        self._zstd.flush(zstandard.FLUSH_FRAME)
        self._stream.write(SEAL_HEAD + self._link.hexdigest().encode())


class Member:
    """A file of a package that is being written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._link = file, hashlib.sha256()
        self.size = self.lines = 0

    def write(self, lines: list[str]) -> None:
        """Add lines; each has its line end."""
        chunk = "".join(lines).encode()
        self._link.update(chunk)
        self._file.write(chunk)
        self.size += len(chunk)
        self.lines += len(lines)

    def facts(self) -> Json:
        """{bytes, lines, sha256}."""
        return {"bytes": self.size, "lines": self.lines, "sha256": self._link.hexdigest()}


@dataclass
class Package:
    """A package that is being written; `files` is what its manifest says of them."""

    sink: Sink
    files: Json = field(default_factory=dict)

    @contextlib.contextmanager
    def member(self, name: str) -> Iterator[Member]:
        """A new member, put into the package when the block ends."""
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
            member = Member(file)
            yield member
            file.seek(0)
            self.sink.put(name, file, member.size)
        self.files[name] = member.facts()

    def end(self, about: Json) -> Json:
        """Write the manifest, which closes the package.

        Returns:
            The manifest: {format, version, files, sha256, **about}; `sha256` is that of all the rest.
        """
        manifest: Json = {"format": FORMAT, "version": VERSION, "files": self.files, **about}
        manifest["sha256"] = digest(manifest)
        with self.member(MANIFEST) as member:
            member.write([canonical(manifest) + "\n"])
        self.sink.end()
        return manifest


@contextlib.contextmanager
def destination(path: Path) -> Iterator[Sink]:
    """Where a package is written to: a file whose name ends in FILE_ENDING, or a folder. It is there whole, or not at all.

    Raises:
        InvalidParamsError: it is there already, or cannot be made.
        StorageUnavailableError: the disk is full.
    """
    path = path.absolute()
    if path.exists() or path.is_symlink():
        raise InvalidParamsError(f"{path} exists already. An export never overwrites anything; give another name.")
    if path.suffix in {".tar", ".zst", ".gz", ".tgz", ".zip"} and not path.name.endswith(FILE_ENDING):
        raise InvalidParamsError(f"Give a name that ends in {FILE_ENDING}, or that of a folder.", field="file")
    try:
        with tempfile.TemporaryDirectory(prefix=".holdfast-export-", dir=path.parent) as place:
            whole = Path(place) / "whole"
            yield from _filled(whole, is_file=path.name.endswith(FILE_ENDING))
            os.link(whole, path) if whole.is_file() else _folder_named(whole, path)
        flushed(path.parent)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageUnavailableError("The disk is full. Nothing of the export was kept.") from error
        raise InvalidParamsError(f"{path} cannot be written: {error.strerror or error}.", field="file") from error


def _filled(whole: Path, *, is_file: bool) -> Iterator[Sink]:
    if not is_file:
        whole.mkdir(mode=0o700)
        yield FolderSink(whole)
        return
    with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield TarSink(file)
        file.flush()
        os.fsync(file.fileno())


def _folder_named(whole: Path, path: Path) -> None:
    if path.exists():  # a rename would replace an empty one
        raise FileExistsError(errno.EEXIST, "it exists already")
    whole.rename(path)
