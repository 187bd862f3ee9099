"""Write locks: whether the process that made one may still be running."""

from __future__ import annotations

import json
import os
import time

from sessions_app.rescue.places import opened

LOCK_MAX_AGE_SECONDS = 30 * 60


def lock_is_live(place: str | bytes, modified: float) -> bool:
    """Whether the process of a lock may be running on this machine.

    Args:
        place: the lock file.
        modified: when it was written, seconds since 1970.
    """
    if time.time() - modified > LOCK_MAX_AGE_SECONDS:
        return False
    try:
        with opened(place) as stream:
            return process_lives(json.loads(stream.read(4096)).get("pid"))
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def process_lives(pid: object) -> bool:
    """Whether what a lock gives as its process is the number of a living one."""
    try:
        number = int(str(pid))
        os.kill(number, 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return number > 0
