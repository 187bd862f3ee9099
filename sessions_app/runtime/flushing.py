"""Names and files that must survive a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def flushed(path: Path) -> None:
    """Have the disk keep what a file holds, or which names a directory has.

    Raises:
        OSError: it does not.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
