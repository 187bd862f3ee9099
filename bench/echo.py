"""A bare echo over the server stack Holdfast runs on: Daphne, Twisted and autobahn, with nothing behind them.

`python -m bench.echo` prints its port and serves until it is ended.
"""

from __future__ import annotations

from typing import Any

from daphne.server import Server


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Send back what comes."""
    if scope["type"] != "websocket":
        return
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "websocket.send", "text": message["text"]})


class EchoServer(Server):  # type: ignore[misc] # daphne has no types
    """Tells its port."""

    def listen_success(self, port: Any) -> None:
        """Print it."""
        print(port.getHost().port, flush=True)


if __name__ == "__main__":
    EchoServer(application, endpoints=["tcp:port=0:interface=127.0.0.1"], verbosity=0, websocket_timeout=-1).run()
