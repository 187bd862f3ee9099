"""Frames of one socket on their way to its consumer: a queue with an end, so that a flood waits outside."""

from __future__ import annotations

import asyncio
from typing import Any

from daphne.ws_protocol import WebSocketProtocol

RECEIVE_QUEUE_MAX_FRAMES = 128


class BoundedQueue(asyncio.Queue[Any]):
    """Frames of one socket on their way to its consumer; a full one stops reading from the socket until half is taken."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self._protocol = protocol
        self._is_paused = False

    def put_nowait(self, item: Any) -> None:
        """Add a frame; never refuses, but asks the peer to wait."""
        super().put_nowait(item)
        if self.qsize() > RECEIVE_QUEUE_MAX_FRAMES and not self._is_paused and self._is_open():
            self._is_paused = True
            self._protocol.transport.pauseProducing()

    async def get(self) -> Any:
        """The next frame."""
        item = await super().get()
        if self._is_paused and self.qsize() < RECEIVE_QUEUE_MAX_FRAMES // 2:
            self._is_paused = False
            if self._is_open():
                self._protocol.transport.resumeProducing()
        return item

    def _is_open(self) -> bool:
        return isinstance(self._protocol, WebSocketProtocol) and bool(self._protocol.transport.connected)
