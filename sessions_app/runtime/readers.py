"""A small pool of named threads that read for the event loop, each with a connection it keeps.

Django's own bridge runs all reads of a process in one thread; a page of history would wait for another's.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import DatabaseError, connection

from sessions_app.errors import StorageUnavailableError

T = TypeVar("T")


class Readers:
    """Threads for selectors.

    Args:
        threads: how many reads may go on at once.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="holdfast-reader")
        self._gate = threading.Lock()
        self._is_closed = False

    async def read(self, selector: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a selector in a reader's thread.

        Raises:
            StorageUnavailableError: the database did not answer.
            HoldfastError: as the selector.
            RuntimeError: the readers are closed.
        """
        loop = asyncio.get_running_loop()
        with self._gate:  # a read that came in behind the closing would open a connection nobody closes
            if self._is_closed:
                raise RuntimeError("the readers are closed")
            reading = loop.run_in_executor(self._pool, lambda: _read(selector, args, kwargs))
        return await reading

    def close(self) -> None:
        """Finish what is being read, then end the threads and their connections."""
        together = threading.Barrier(self._threads)
        with self._gate:
            self._is_closed = True
            for _ in range(self._threads):
                self._pool.submit(_close, together)
        self._pool.shutdown(wait=True)


def _read(selector: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    try:
        return selector(*args, **kwargs)
    except DatabaseError as error:
        connection.close()  # the next read opens another
        raise StorageUnavailableError("The database did not answer. Nothing was lost; try again.") from error


def _close(together: threading.Barrier) -> None:
    """Close this thread's connection; the barrier keeps one thread from doing it twice while another never does."""
    connection.close()
    together.wait(timeout=5)
