"""Who watches which conversation in this process, and how rows and deltas reach them.

The hub is poked after COMMIT, reads the event log once for all watchers of a conversation, encodes each frame once, and hands every
watcher what lies after its own cursor. Pokes may be lost: the log is looked at again anyway. Deltas are thrown away when nobody is
there. This is the seam for several processes: pokes and deltas from elsewhere come in by the same two methods.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from sessions_app.errors import ErrorCode
from sessions_app.runtime.live import LiveAnswer
from sessions_app.runtime.log_reads import LogReads
from sessions_app.runtime.metrics import HUB_LAG
from sessions_app.runtime.permits import Permit
from sessions_app.runtime.readers import Readers
from sessions_app.selectors.events import LogPlace, tells_text
from sessions_app.values import EVENTS_MAX_ROWS, Actor, Json

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


def frame_encoded(event: str, payload: Json) -> str:
    """An event frame up to its `seq`, which counts per connection and is put behind by the watcher."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return f'{{"type":"event","event":"{event}","payload":{body},"seq":'


class Watcher(Protocol):
    """A socket, as the hub knows it."""

    def push(self, frame: str) -> bool:
        """Take a frame of `frame_encoded`; False when too much is waiting already."""
        ...

    @property
    def actor(self) -> Actor | None:
        """Who is behind it, once they said."""
        ...

    def hang_up(self) -> None:
        """Close it: whoever is behind it may not be here any more."""
        ...


@dataclass(slots=True)
class _Channel:
    """One conversation that is watched.

    Attributes:
        cursors: the last event number each watcher was given.
        full: watchers that took no more; nothing is read for them until they have room, so they hold up nobody.
        permits: what watchers may be told who had to give a reason; the others may be told all.
    """

    conversation_id: UUID
    session_key: str
    cursors: dict[Watcher, int] = field(default_factory=dict)
    full: set[Watcher] = field(default_factory=set)
    permits: dict[Watcher, Permit] = field(default_factory=dict)
    head: int = 0
    is_dirty: bool = False
    dirty_since: float = 0.0
    pump: asyncio.Task[None] | None = None

    def forget(self, watcher: Watcher) -> None:
        """A watcher is gone."""
        self.cursors.pop(watcher, None)
        self.permits.pop(watcher, None)
        self.full.discard(watcher)

    def may_tell(self, watcher: Watcher, payload: Json) -> bool:
        """Whether a watcher may be sent text. One whose reason does not cover it watches no longer, and is told so."""
        permit = self.permits.get(watcher)
        if permit is None or permit.covers(payload):
            return True
        self.forget(watcher)
        watcher.push(frame_encoded("watch.ended", {"sessionKey": self.session_key, "code": ErrorCode.REASON_REQUIRED}))
        return False


class Hub:
    """Registry of watchers. All methods but `poke` belong to the event loop.

    Args:
        readers: who reads the event log.
    """

    def __init__(self, readers: Readers) -> None:
        self._reads = LogReads(readers)
        self._channels: dict[UUID, _Channel] = {}
        self._watchers: set[Watcher] = set()
        self._loop = asyncio.get_running_loop()

    def open(self, watcher: Watcher) -> None:
        """A socket is there, whatever it watches."""
        self._watchers.add(watcher)

    def close(self, watcher: Watcher) -> None:
        """A socket is gone."""
        self._watchers.discard(watcher)
        self.unwatch(watcher)

    @property
    def open_sockets(self) -> int:
        """How many sockets there are."""
        return len(self._watchers)

    def broadcast(self, event: str, payload: Json) -> None:
        """Hand a throw-away event to every socket."""
        frame = frame_encoded(event, payload)
        for watcher in list(self._watchers):
            watcher.push(frame)

    def actors(self) -> set[Actor]:
        """Everybody who is connected."""
        return {watcher.actor for watcher in self._watchers if watcher.actor is not None}

    def hang_up(self, gone: Iterable[Actor]) -> None:
        """Close the sockets of these actors; from the event loop."""
        left = set(gone)
        for watcher in [watcher for watcher in self._watchers if watcher.actor in left]:
            self.unwatch(watcher)
            watcher.hang_up()

    def watch(
        self, watcher: Watcher, conversation_id: UUID, session_key: str, cursor: int, permit: Permit | None = None
    ) -> None:
        """Send a watcher every event after `cursor`, and deltas, from now on. Watching again moves its cursor.

        With a permit it watches as long as that covers what is told.
        """
        channel = self._channels.setdefault(conversation_id, _Channel(conversation_id, session_key))
        channel.cursors[watcher] = cursor
        channel.permits.pop(watcher, None)
        if permit is not None:
            channel.permits[watcher] = permit
        channel.full.discard(watcher)
        self._dirty(channel)  # what was committed since the cursor was read

    def unwatch(self, watcher: Watcher) -> None:
        """Forget a watcher."""
        for channel in list(self._channels.values()):
            channel.forget(watcher)
            if not channel.cursors:
                del self._channels[channel.conversation_id]

    def is_watching(self, watcher: Watcher, conversation_id: UUID) -> bool:
        """Whether a watcher is sent the events of a conversation."""
        channel = self._channels.get(conversation_id)
        return channel is not None and watcher in channel.cursors

    def watched(self) -> dict[UUID, int]:
        """The last event number handed out, by conversation."""
        return {pk: channel.head for pk, channel in self._channels.items()}

    def caught_up(self, watcher: Watcher) -> None:
        """A watcher that refused frames has room again."""
        for channel in self._channels.values():
            if watcher in channel.full:
                channel.full.discard(watcher)
                self._dirty(channel)

    def poke(self, conversation_ids: Iterable[UUID]) -> None:
        """Look at these conversations' logs again; from any thread."""
        ids = list(conversation_ids)
        self._loop.call_soon_threadsafe(self._poke, ids)

    def delta(self, conversation_id: UUID, payload: Json) -> None:
        """Hand a throw-away event to whoever watches now."""
        channel = self._channels.get(conversation_id)
        if channel is None:
            return
        frame = frame_encoded("chat", payload)
        for watcher in list(channel.cursors):
            if channel.may_tell(watcher, payload):
                watcher.push(frame)

    def delta_missed(self, watcher: Watcher, answer: LiveAnswer, told: Json | None) -> None:
        """Hand a watcher that just came what others were given of a streaming answer since it was told the text so far."""
        start = len(told["text"]) if told is not None and told["runId"] == str(answer.run_id) else 0
        channel = self._channels.get(answer.conversation_id)
        if channel is None or watcher not in channel.cursors or start == answer.sent:
            return
        payload = answer.delta(answer.text[start : answer.sent], start)
        if channel.may_tell(watcher, payload):
            watcher.push(frame_encoded("chat", payload))

    def _poke(self, conversation_ids: list[UUID]) -> None:
        for conversation_id in conversation_ids:
            channel = self._channels.get(conversation_id)
            if channel is not None:
                self._dirty(channel)

    def _dirty(self, channel: _Channel) -> None:
        if not channel.is_dirty:
            channel.is_dirty, channel.dirty_since = True, time.monotonic()
        if channel.pump is None or channel.pump.done():
            channel.pump = self._loop.create_task(self._pump(channel))

    async def _pump(self, channel: _Channel) -> None:
        """Read and hand out until nothing is new. One pump a conversation: frames keep their order."""
        while channel.is_dirty and len(channel.full) < len(channel.cursors):
            channel.is_dirty, since = False, channel.dirty_since
            start = min(cursor for watcher, cursor in channel.cursors.items() if watcher not in channel.full)
            try:
                rows = await self._reads.after(
                    LogPlace(channel.conversation_id, channel.session_key, start, EVENTS_MAX_ROWS)
                )
            except Exception:
                logger.exception("the event log could not be read; again in a second")
                await asyncio.sleep(_RETRY_SECONDS)
                channel.is_dirty = True
                continue
            self._hand_out(channel, rows, start)
            HUB_LAG.observe(time.monotonic() - since)
            if len(rows) == EVENTS_MAX_ROWS:
                channel.is_dirty = True

    @staticmethod
    def _hand_out(channel: _Channel, rows: list[Json], start: int) -> None:
        """Give each watcher what it has not; one that refuses keeps its cursor.

        Whoever came during the read with an older cursor gets nothing of these rows: theirs begin earlier, and are read next.
        """
        for row in rows:
            number = row["eventSeq"]
            frame = frame_encoded(row["type"], {**row["payload"], "eventSeq": number})
            is_text = tells_text(row)
            for watcher, cursor in list(channel.cursors.items()):
                if not start <= cursor < number or watcher in channel.full:
                    continue
                if is_text and not channel.may_tell(watcher, row["payload"]):
                    continue
                if watcher.push(frame):
                    channel.cursors[watcher] = number
                else:
                    channel.full.add(watcher)
            channel.head = max(channel.head, number)
