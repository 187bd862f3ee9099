"""The data directory: room on its disk, and rights that keep others out. Files of others in it are none of our business."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from sessions_app.runtime.doctor.findings import Finding, Severity

FREE_MIN_BYTES = 256 * 1024 * 1024
_PRIVATE = (
    "secret_key",
    "agents.toml",
    "hooks.toml",
    "holdfast.sqlite3",
    "holdfast.sqlite3-wal",
    "holdfast.sqlite3-shm",
)


def disk(data_dir: Path) -> Iterator[Finding]:
    """Find a disk that is about to be full."""
    free = shutil.disk_usage(data_dir).free
    if free < FREE_MIN_BYTES:
        words = (
            f"Only {free // 1024 // 1024:,} MiB are free where the data is. When nothing is left, messages are refused."
        )
        yield Finding("disk_low", f"{words} Make room.", Severity.BROKEN, {"path": str(data_dir)})


def rights(data_dir: Path) -> Iterator[Finding]:
    """Find a data directory, key or configuration that other accounts of this machine may read."""
    for path in (data_dir, *(data_dir / name for name in _PRIVATE)):
        if path.exists() and path.stat().st_mode & 0o077:
            wanted = 0o700 if path.is_dir() else 0o600
            yield Finding(
                "rights_open",
                f"Other accounts of this machine may get at {path}.",
                Severity.BROKEN,
                {"path": str(path)},
                f"Its rights become {wanted:04o}.",
                {"do": "chmod", "path": str(path), "mode": wanted},
            )
