"""The floor: one raw append of 500 bytes and an fdatasync, on the disk the data directories are on."""

from __future__ import annotations

import os
import time
from pathlib import Path

LINE = b"x" * 499 + b"\n"
# macOS has no fdatasync; its fsync does not flush the drive either, so ratios there flatter nobody
_flush = getattr(os, "fdatasync", os.fsync)


def appends(directory: Path, seconds: float) -> list[float]:
    """Append and flush for a while.

    Args:
        directory: on the disk in question.
        seconds: how long.

    Returns:
        The duration of each append with its flush, in seconds.
    """
    path = directory / "floor.bin"
    durations: list[float] = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            os.write(descriptor, LINE)
            _flush(descriptor)
            durations.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return durations
