"""Whether a process runs."""

from __future__ import annotations


def is_gone(pid: int) -> bool:
    """Ended; a zombie whose parent has not asked yet has ended too."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
