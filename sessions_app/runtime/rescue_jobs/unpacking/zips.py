"""Zip archives."""

from __future__ import annotations

import stat
import time
import zipfile
import zlib
from typing import BinaryIO

from sessions_app.errors import InvalidParamsError
from sessions_app.runtime.rescue_jobs.unpacking.target import Readable, Target

_BROKEN = (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, ValueError, RuntimeError)
_ENCRYPTED = 0x1


def zip_unpacked(file: BinaryIO, target: Target) -> None:
    """Unpack every member.

    Raises:
        InvalidParamsError: it is broken or encrypted, or names places outside of itself.
        TooLargeError: it holds too much.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            target.archive_size = sum(member.compress_size for member in members)
            done = 0
            for member in members:
                _member_made(archive, member, target, done)
                done += member.compress_size
    except _BROKEN as error:
        raise InvalidParamsError(f"The archive is broken or cut off: {str(error) or type(error).__name__}.") from error
    if not target.files:
        raise InvalidParamsError("There is no file in this archive.")


def _member_made(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Target, done: int) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    name = member.orig_filename
    if member.flag_bits & _ENCRYPTED:
        raise InvalidParamsError("The archive is encrypted. Pack it again without a password.")
    if not member.filename:
        target.leave_out(name, "it has no name")
    elif member.is_dir():
        target.folder_made(name)
    elif kind not in (0, stat.S_IFREG):
        target.place(name)
        target.leave_out(name, "a symbolic link" if kind == stat.S_IFLNK else "no plain file")
    else:
        with archive.open(member) as content:
            told = _Told(content, target, done, member.compress_size, max(member.file_size, 1))
            target.file_made(name, told, _modified(member))


class _Told:
    """Tells how far a member is."""

    def __init__(self, content: Readable, target: Target, done: int, packed: int, size: int) -> None:
        self._content, self._target = content, target
        self._done, self._packed, self._size, self._given = done, packed, size, 0

    def read(self, size: int) -> bytes:
        chunk = self._content.read(size)
        self._given += len(chunk)
        done = self._done + self._packed * min(self._given / self._size, 1)
        self._target.told(int(done), self._target.archive_size, "")
        return chunk


def _modified(member: zipfile.ZipInfo) -> float:
    """Zip knows no time zone; the machine's own is taken."""
    try:
        return time.mktime((*member.date_time, 0, 0, -1))
    except (OverflowError, ValueError):
        return 0.0
