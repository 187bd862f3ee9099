"""The WebSocket protocol of the server, with the shortest way out for a frame.

Stock, each frame goes round the reactor (two changes of the selector and a turn of the loop) and is described in colour for a debug
log that nobody reads: together a quarter of what a message costs the loop.
"""

from __future__ import annotations

from typing import Any

from daphne.ws_protocol import WebSocketProtocol


class LeanSocket(WebSocketProtocol):  # type: ignore[misc] # daphne has no types
    """Writes to the socket at once while nothing waits there; what it does not take goes the usual way."""

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:  # noqa: N802 - autobahn's name
        """Send the bytes of a frame; see autobahn."""
        if sync or chopsize or self.send_queue or self.logOctets:
            super().sendData(data, sync, chopsize)
            return
        transport = self.transport
        sent = _taken(transport, data) if unsent(transport) == 0 else 0
        if sent < len(data):
            transport.write(data[sent:])


def unsent(transport: Any) -> int:
    """Bytes Twisted holds for a peer that has not taken them."""
    return (
        len(getattr(transport, "dataBuffer", b""))
        - getattr(transport, "offset", 0)
        + getattr(transport, "_tempDataLen", 0)
    )


def _taken(transport: Any, data: bytes) -> int:
    """How many bytes the socket took just now; none where Twisted has more to do than to send, e.g. encrypt or hang up."""
    if not transport.connected or transport.disconnecting or getattr(transport, "TLS", True):
        return 0
    found = transport.writeSomeData(data)
    return found if isinstance(found, int) else 0  # a lost connection: the usual way meets it too, and tells
