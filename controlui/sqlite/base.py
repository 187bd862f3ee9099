"""Waiting for SQLite's one writing lock.

SQLite's own wait sleeps 1, 2, 5, 10, 15, 20, 25 … ms between two looks. Beside a process that writes a batch each 10 ms, as an adoption does,
it oversleeps every gap: one message in a hundred waited 33 ms for a lock that was free for 4 ms out of each 10. Here it looks each
half millisecond, and less often as the wait gets long.
"""

from __future__ import annotations

import sqlite3
import time

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

LOOK_EACH_SECONDS = 0.0005
LOOK_RARELY_SECONDS = 0.005
_GROWTH = 1.05


class DatabaseWrapper(base.DatabaseWrapper):
    """The engine of the embedded database."""

    def _start_transaction_under_autocommit(self) -> None:
        """Begin; wait for the lock as long as the connection's `busy_timeout` says.

        Raises:
            OperationalError: somebody else had it all that time.
        """
        raw = self.connection
        patience_ms = int(raw.execute("PRAGMA busy_timeout").fetchone()[0])
        raw.execute("PRAGMA busy_timeout = 0")
        try:
            self._begun(time.monotonic() + patience_ms / 1000)
        finally:
            raw.execute(f"PRAGMA busy_timeout = {patience_ms}")

    def _begun(self, until: float) -> None:
        pause = LOOK_EACH_SECONDS
        while True:
            try:
                super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs leave it out
            except OperationalError as error:
                code = getattr(error.__cause__, "sqlite_errorcode", 0)
                if code & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            else:
                return
            time.sleep(pause)
            pause = min(pause * _GROWTH, LOOK_RARELY_SECONDS)
