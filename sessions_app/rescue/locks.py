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
            pid = json.loads(stream.read(4096)).get("pid")
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return False
    return int(pid) > 0
