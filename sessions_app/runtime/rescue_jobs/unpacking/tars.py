"""Tar archives, read in one pass: plain, gzip, zstd."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from typing import BinaryIO

import zstandard

from sessions_app.errors import InvalidParamsError
from sessions_app.runtime.rescue_jobs.unpacking.target import Readable, Target

_BROKEN = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError, ValueError)
_KINDS = {tarfile.SYMTYPE: "a symbolic link", tarfile.CHRTYPE: "a device", tarfile.BLKTYPE: "a device"}
_WINDOW_MAX_BYTES = 1 << 27


class Metered:
    """A stream that is counted: what an archive unpacks to in all, headers and what is left out too."""

    def __init__(self, stream: Readable, target: Target, file: BinaryIO) -> None:
        self._stream, self._target, self._file = stream, target, file
        self._given, self._allowed = 0, target.limits.size + target.limits.files * 4096

    def read(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            TooLargeError: more came out than a whole archive may hold.
        """
        chunk = self._stream.read(size)
        self._given += len(chunk)
        if self._given > self._allowed:
            self._target.counted(self._target.limits.size + 1)
        self._target.told(self._file.tell(), self._target.archive_size, "")
        return chunk


def tar_stream(file: BinaryIO, head: bytes, target: Target) -> Metered | None:
    """The plain tar inside a file, by its first bytes; None when it is none."""
    file.seek(0, 2)
    target.archive_size = file.tell()
    file.seek(0)
    if head[:2] == b"\x1f\x8b":
        return Metered(gzip.GzipFile(fileobj=file), target, file)
    if head[:4] == b"\x28\xb5\x2f\xfd":
        unzstd = zstandard.ZstdDecompressor(max_window_size=_WINDOW_MAX_BYTES)
        return Metered(unzstd.stream_reader(file, read_across_frames=True, closefd=False), target, file)
    return Metered(file, target, file) if head[257:262] == b"ustar" else None


def tar_unpacked(stream: Metered, target: Target) -> None:
    """Unpack every member.

    Raises:
        InvalidParamsError: it is broken or ends early, or names places outside of itself.
        TooLargeError: it holds too much.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as tar:  # type: ignore[call-overload]
            for member in tar:
                tar.members.clear()  # it would keep every header
                _member_made(tar, member, target)
    except _BROKEN as error:
        raise InvalidParamsError(f"The archive is broken or cut off: {str(error) or type(error).__name__}.") from error
    if not target.files:
        raise InvalidParamsError("There is no file in this archive.")


def _member_made(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Target) -> None:
    if member.isdir():
        target.folder_made(member.name)
    elif member.isreg() or member.issparse():
        content = tar.extractfile(member)
        assert content is not None, "a plain file has content"
        target.file_made(member.name, content, float(member.mtime))
    elif member.islnk():
        target.linked(member.name, member.linkname)
    else:
        target.place(member.name)
        target.leave_out(member.name, _KINDS.get(member.type, "no plain file"))
