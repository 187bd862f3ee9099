"""A real receiver of webhooks: an HTTP server in a thread that keeps what it got and answers as it is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sessions_app.values import Json

SECRET = "a secret nobody knows"


@dataclass(frozen=True)
class Got:
    """One request."""

    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def payload(self) -> Json:
        payload: Json = json.loads(self.body)
        return payload

    @property
    def is_signed(self) -> bool:
        """Whether the signature is right, computed the way docs/hooks.md tells."""
        signed = self.headers["x-holdfast-timestamp"].encode() + b"." + self.body
        wanted = "sha256=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, self.headers["x-holdfast-signature"])


class Receiver:
    """Use as a context manager.

    Args:
        answer: the status for a request; called in a thread of its own, so it may take its time.
    """

    def __init__(self, answer: Callable[[Got], int] = lambda _: 204) -> None:
        self.got: list[Got] = []
        self.answer = answer
        self.released = threading.Event()  # what a frozen receiver waits for
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got = Got({name.lower(): value for name, value in self.headers.items()}, body, time.monotonic())
                receiver.got.append(got)
                status = receiver.answer(got)
                try:
                    self.send_response(status)
                    if 300 <= status < 400:
                        self.send_header("Location", receiver.url)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    self.close_connection = True  # it does not wait any more

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def freeze(self, _got: Got) -> int:
        """An answer that never comes."""
        self.released.wait(60)
        return 204

    def told(self, *types: str) -> list[Json]:
        """The payloads of these types, or all, in the order they came."""
        return [got.payload for got in list(self.got) if not types or got.payload["type"] in types]

    def wait_for(self, count: int, seconds: float = 60.0) -> list[Json]:
        """Until so many came."""
        end = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < end, f"{len(self.got)} of {count} came"
            time.sleep(0.01)
        return self.told()
