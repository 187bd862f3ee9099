"""Where the numbers come from: machine, disk and versions; and which core is whose."""

from __future__ import annotations

import datetime
import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

IN_MEMORY = {"tmpfs", "ramfs", "overlay-tmpfs"}


def cores() -> tuple[int, int] | None:
    """The server's core and the client's; None where processes cannot be pinned or there is only one core."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    free = sorted(os.sched_getaffinity(0))
    return (free[0], free[-1]) if len(free) > 1 else None


cores_at_start = cores()  # before this process pins itself


def pin(core: int | None) -> None:
    """Keep this process, and what it starts, on one core."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def file_system(path: Path) -> tuple[str, str]:
    """Device and type of the file system a path is on; both "unknown" where /proc does not say."""
    found, longest = ("unknown", "unknown"), -1
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8")
    except OSError:
        return found
    for line in mounts.splitlines():
        device, mount, kind = line.split()[:3]
        if path.resolve().is_relative_to(mount) and len(mount) > longest:
            found, longest = (device, kind), len(mount)
    return found


def facts(directory: Path) -> dict[str, str]:
    """What stands above the table."""
    device, kind = file_system(directory)
    pinned = cores_at_start
    return {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores",
        "cores": f"server on {pinned[0]}, client on {pinned[1]}" if pinned else "not pinned: numbers are rougher",
        "disk": f"{kind} on {device}",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **{name: version(name) for name in ("Django", "channels", "daphne", "autobahn", "Twisted", "openai")},
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
