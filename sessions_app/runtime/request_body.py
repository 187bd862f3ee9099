"""Bodies of HTTP requests: they stay in the file they were received into and are handed on a piece at a time.

Left alone, Twisted parses every form and Daphne queues every body whole, both in memory and before anybody was asked who sends it:
an upload of 460 MB took 6 GB and stopped the event loop for half a minute.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, BinaryIO

from daphne.http_protocol import HTTPFactory, WebRequest

PIECE_BYTES = 64 * 1024


class PlainFactory(HTTPFactory):  # type: ignore[misc] # daphne has no types
    """Daphne's factory, without the parsing of forms: Django does that."""

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        """A protocol whose requests keep their body as it came."""
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = partial(WebRequest, parsePOSTFormSubmission=False)
        return protocol


class _Spent:
    """Stands in a request where its body was: read to the end already."""

    def __init__(self, body: BinaryIO) -> None:
        self._body = body

    @property
    def closed(self) -> bool:
        return self._body.closed

    def read(self, _size: int = -1) -> bytes:
        return b""

    def seek(self, _offset: int, _whence: int = 0) -> int:
        return 0

    def close(self) -> None:
        self._body.close()


class BodyQueue(asyncio.Queue[Any]):
    """What an HTTP application receives: its body, read when it asks for it, then the disconnect.

    Args:
        request: Daphne's; its body is complete, and read from here only.
    """

    def __init__(self, request: Any) -> None:
        super().__init__()
        self._body: BinaryIO = request.content
        request.content = _Spent(self._body)
        self._is_read = False

    def put_nowait(self, item: Any) -> None:
        """Add a message; the body's own are made here."""
        if item["type"] != "http.request":
            super().put_nowait(item)

    async def get(self) -> Any:
        """The next piece of the body, or the next message after it."""
        if self._is_read:
            return await super().get()
        await asyncio.sleep(0)  # a long body lets others pass between its pieces
        if self._body.closed:
            self._is_read = True
            return {"type": "http.disconnect"}
        piece = self._body.read(PIECE_BYTES)
        self._is_read = len(piece) < PIECE_BYTES
        return {"type": "http.request", "body": piece, "more_body": not self._is_read}
