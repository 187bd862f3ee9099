"""Puts itself between SQLite and the disk; see `tests.support.disk`. Python imports a module of this name at its start."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

SQLITE_IOERR_FSYNC = 10 | (4 << 8)
METHODS = 19  # io methods of version 3: a version and 18 functions; older versions have fewer, all have the first 13
SYNC = 5  # version, xClose, xRead, xWrite, xTruncate, xSync
OPEN_OFFSET = 5  # of xOpen, in words: iVersion+szOsFile, mxPathname(+padding), pNext, zName, pAppData, xOpen

_Sync = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_Open = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)
)
_kept: list[object] = []  # what C points to must not be collected
_ours: dict[int, int] = {}  # address of SQLite's methods -> address of ours


def put_between(order: Path) -> None:
    """Take the place of `xSync` for every file that SQLite opens from now on in this process."""
    import _sqlite3

    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = ctypes.c_void_p
    system = library.sqlite3_vfs_find(None)
    slot = ctypes.cast(system + OPEN_OFFSET * ctypes.sizeof(ctypes.c_void_p), ctypes.POINTER(ctypes.c_void_p))
    original = _Open(slot[0])

    def opened(vfs, name, file, flags, out_flags):
        result = original(vfs, name, file, flags, out_flags)
        methods = ctypes.cast(file, ctypes.POINTER(ctypes.c_void_p))
        if methods[0]:
            methods[0] = _methods(methods[0], order)
        return result

    ours = _Open(opened)
    _kept.append(ours)
    slot[0] = ctypes.cast(ours, ctypes.c_void_p).value


def _methods(address: int, order: Path) -> int:
    """A copy of a file's methods whose `xSync` is ours."""
    if address not in _ours:
        copy = (ctypes.c_void_p * METHODS).from_buffer_copy(
            ctypes.string_at(address, METHODS * ctypes.sizeof(ctypes.c_void_p))
        )
        original = _Sync(copy[SYNC])
        ours = _Sync(lambda file, flags: _sync(original, order, file, flags))
        copy[SYNC] = ctypes.cast(ours, ctypes.c_void_p).value
        _kept.extend((copy, ours))
        _ours[address] = ctypes.addressof(copy)
        _ours[_ours[address]] = _ours[address]
    return _ours[address]


def _sync(original, order: Path, file: int, flags: int) -> int:
    _mark(order.with_suffix(".begun"))
    while (now := order.read_text(encoding="ascii")) == "stuck":
        time.sleep(0.01)
    if now == "broken":
        return SQLITE_IOERR_FSYNC
    time.sleep(float(now))
    result = original(file, flags)
    if result == 0:
        _mark(order.with_name("disk-count"))
    return result


def _mark(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b".")


if place := os.environ.get("HOLDFAST_TEST_DISK"):
    put_between(Path(place))
