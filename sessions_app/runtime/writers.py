"""Who carries out writes in this process. `current()` is asked by every transport; `install` is called once, by whoever starts it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from channels.db import database_sync_to_async

from sessions_app.runtime.settle import settle_alone
from sessions_app.values import Command, Effects, Json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

Publish = Callable[[Effects], None]


class Writer(Protocol):
    """Carries out commands; an answer is given only when it is durable."""

    def call(self, command: Command) -> Json:
        """Carry out a command and wait for it; from a thread. Raises its HoldfastError."""
        ...

    def send(self, command: Command) -> Awaitable[Json]:
        """Carry out a command; from the event loop. The command takes its place in the queue before this returns."""
        ...


def _publish_nothing(_effects: Effects) -> None:
    """For processes in which nobody watches: the server notices by itself."""


class InlineWriter:
    """Carries out each command at once, on the caller's connection: for commands and tests.

    Args:
        publish: told the effects of each success after its COMMIT.
    """

    def __init__(self, publish: Publish = _publish_nothing) -> None:
        self._publish = publish

    def call(self, command: Command) -> Json:
        """Carry out a command; see `Writer`."""
        settled = settle_alone(command)
        if settled.error is None:
            self._publish(settled.effects)
        return settled.result()

    async def send(self, command: Command) -> Json:
        """Carry out a command; see `Writer`."""
        return await database_sync_to_async(self.call)(command)


_installed: Writer = InlineWriter()


def current() -> Writer:
    """The writer of this process: an InlineWriter unless the server installed its own."""
    return _installed


@contextmanager
def installed(writer: Writer) -> Iterator[None]:
    """Make a writer the current one for a while."""
    global _installed  # noqa: PLW0603 - one writer per process is the point
    before, _installed = _installed, writer
    try:
        yield
    finally:
        _installed = before
