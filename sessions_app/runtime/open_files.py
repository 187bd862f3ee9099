"""How many files and sockets this process may have open."""

from __future__ import annotations

import resource

ENOUGH = 65_536


def open_files_allow() -> int:
    """Ask for as many as the system lets us have: the usual soft limit of 1,024 is fewer than the sockets of a busy place.

    Returns:
        How many are allowed now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
