"""A disk that is slow, stuck or broken, for a server process of ours.

SQLite asks the disk to make things durable in one place, `xSync` of its file methods. `sitecustomize.py` beside this file puts itself
there, in the process that is started with this directory on its PYTHONPATH, and does what the file named by HOLDFAST_TEST_DISK says:
nothing, wait, or fail. The rest of the disk is the real one.

In a test:

    disk = Disk(tmp_path)
    with Server(tmp_path / "data", environment=disk.environment) as server:
        disk.slow(0.2)
        ...
        assert disk.flushes() > 0
"""

from __future__ import annotations

import os
from pathlib import Path


class Disk:
    """What the disk under one server does when it shall make something durable.

    Args:
        place: a directory for its two files: what it shall do, and a byte for each flush that ended well.
    """

    def __init__(self, place: Path) -> None:
        self._order = place / "disk-order"
        self._count = place / "disk-count"
        self.well()
        self._count.touch()

    @property
    def environment(self) -> dict[str, str]:
        """What the server needs in its environment to meet this disk."""
        return {"PYTHONPATH": str(Path(__file__).parent), "HOLDFAST_TEST_DISK": str(self._order)}

    def well(self) -> None:
        """Flush as the real disk does."""
        self._say("0")

    def slow(self, seconds: float) -> None:
        """Take so long for each flush, beside what the real disk takes."""
        self._say(str(seconds))

    def stuck(self) -> None:
        """End no flush until something else is said."""
        self._say("stuck")

    def broken(self) -> None:
        """Answer each flush with an input/output error."""
        self._say("broken")

    def flushes(self) -> int:
        """How many flushes have ended well."""
        return self._count.stat().st_size

    def waiting(self) -> int:
        """How many flushes have begun."""
        begun = self._order.with_suffix(".begun")
        return begun.stat().st_size if begun.exists() else 0

    def _say(self, order: str) -> None:
        fresh = self._order.with_suffix(".new")
        fresh.write_text(order, encoding="ascii")
        os.replace(fresh, self._order)
