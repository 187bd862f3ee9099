"""What only one of the processes that share a database may do at a time.

On SQLite one process serves a data directory, so it is alone anyway. On PostgreSQL an advisory lock of a connection of its own decides;
when its process dies, the connection ends, and the next one that asks has the lock.
"""

from __future__ import annotations

import asyncio

from django.db import connection

from sessions_app.errors import HoldfastError
from sessions_app.runtime.readers import Readers

HOOKS = 0x686F6F6B  # "hook"; an advisory lock has a number, not a name


class Alone:
    """The right to do one thing, among all processes of a database.

    Args:
        lock_id: which thing; at most 31 bits.
    """

    def __init__(self, lock_id: int) -> None:
        self._lock_id = lock_id
        self._holder = Readers(1) if connection.vendor == "postgresql" else None

    async def holds(self) -> bool:
        """Whether this process has the right now; takes it when it is free. Ask again every few seconds: a lost connection loses it."""
        if self._holder is None:
            return True
        try:
            return await self._holder.read(_locked, self._lock_id)
        except HoldfastError:
            return False

    async def let_go(self) -> None:
        """Give the right back, for good."""
        if self._holder is not None:
            await asyncio.to_thread(self._holder.close)


def _locked(lock_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [lock_id, lock_id])
        return bool(cursor.fetchone()[0])


# a second pg_try_advisory_lock of the same connection would have to be given back twice
_LOCK = """
    SELECT CASE WHEN EXISTS (
        SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
        AND classid = 0 AND objid = %s AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) THEN TRUE ELSE pg_try_advisory_lock(%s::bigint) END
"""
