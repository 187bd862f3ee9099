"""One serving process per data directory.

The lock is the operating system's: it goes away with the process, however that ends, so there is no stale one to clear. Who holds
it stands beside it in `serve.json`, written after the lock is taken and only ever believed while the lock is held.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

LOCK_NAME = "serve.lock"
OWNER_NAME = "serve.json"
_OWNER_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ServingProcess:
    """Who serves a data directory, and where it listens."""

    pid: int
    host: str
    port: int


class DataDirBusyError(Exception):
    """Another process serves this data directory.

    Args:
        data_dir: the directory.
        owner: who has it; None in the moment before that process has said so.
    """

    def __init__(self, data_dir: Path, owner: ServingProcess | None) -> None:
        self.data_dir = data_dir
        self.owner = owner
        who = f"process {owner.pid}, on {owner.host} port {owner.port}" if owner else "another process"
        super().__init__(
            f"{data_dir} is already being served by {who}. Stop that one first, or use another --data-dir."
        )


@contextmanager
def serving_lock(data_dir: Path, *, host: str, port: int) -> Iterator[None]:
    """Hold a data directory for serving until the block ends.

    Args:
        data_dir: an existing directory on a local disk.
        host: where this process listens; told to whoever is refused.
        port: the same.

    Raises:
        DataDirBusyError: another process has it.
    """
    # thread_local off: the server may be stopped from another thread than it was started in
    lock = FileLock(
        data_dir / LOCK_NAME, mode=0o600, thread_local=False, fallback_to_soft=False, preserve_lock_file=True
    )
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise DataDirBusyError(data_dir, _wait_for_owner(data_dir)) from None
    owner_path = data_dir / OWNER_NAME
    try:
        _write_owner(owner_path, ServingProcess(os.getpid(), host, port))
        yield
    finally:
        owner_path.unlink(missing_ok=True)
        lock.release()


def serving_process(data_dir: Path) -> ServingProcess | None:
    """Who last said it serves this directory; None when nobody did. True only while the lock is held."""
    try:
        return ServingProcess(**json.loads((data_dir / OWNER_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_served(data_dir: Path) -> bool:
    """Whether a process serves this directory now, this one included. Asks the lock, which no file left behind can fool."""
    owner = serving_process(data_dir)
    if owner is None or not _is_alive(owner.pid):
        return False  # the lock is not even tried: a server that starts at this moment would be refused
    lock = FileLock(
        data_dir / LOCK_NAME, mode=0o600, thread_local=False, fallback_to_soft=False, preserve_lock_file=True
    )
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def _write_owner(path: Path, owner: ServingProcess) -> None:
    whole = path.with_suffix(".new")
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(owner), file)
    whole.replace(path)


def _wait_for_owner(data_dir: Path) -> ServingProcess | None:
    """Read who has the lock; the winner of a race may not have written it yet, and a killed one left its own behind."""
    deadline = time.monotonic() + _OWNER_WAIT_SECONDS
    while time.monotonic() < deadline:
        owner = serving_process(data_dir)
        if owner is not None and _is_alive(owner.pid):
            return owner
        time.sleep(0.02)
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
