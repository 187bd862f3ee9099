"""Talking in a serving process, from inside its loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from channels.db import database_sync_to_async

from sessions_app.models import Run
from sessions_app.runtime.process import Process
from sessions_app.services.turns import turn_submit
from sessions_app.values import Json, Verb
from tests.runtime.inbox import Inbox
from tests.support.world import World, command

T = TypeVar("T")


class Talk:
    """Ana, in front of a page that watches her conversation."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process
        self.inbox = Inbox()

    async def watching(self) -> Talk:
        place = await stored(lambda: self.world.conversation)
        self.process.hub.watch(self.inbox, place.pk, place.key, place.last_event)
        return self

    async def do(self, verb: Verb, **params: Any) -> Json:
        return await self.process.writer.send(command(verb, self.world.ana, **params))

    async def say(self, message: str = "hello") -> UUID:
        """Send a message; the id of its run."""
        current = await stored(lambda: self.world.current)
        sent = await self.do(turn_submit, session_key=self.world.key, session_id=current, message=message)
        return UUID(sent["runId"])

    async def until_ended(self, state: str, count: int = 1) -> None:
        """Until so many answers ended this way."""
        await self.inbox.until(lambda: self.inbox.ends(state) >= count)

    async def until_streamed(self, text: str) -> None:
        """Until the deltas together say this."""
        await self.inbox.until(lambda: "".join(d["deltaText"] for d in self.inbox.deltas) == text)

    async def run(self, run_id: UUID) -> Run:
        return await stored(lambda: Run.objects.get(pk=run_id))


async def stored(read: Callable[[], T]) -> T:
    """What is stored, read on another connection."""
    return await database_sync_to_async(read)()
