"""Daphne, with what long-lived sockets need of it.

On SIGTERM and SIGINT it drains: it takes no more sockets and no more work, answers what it took, lets running answers finish or keeps
their text, tells every client 1012, and exits 0. A second signal stops now; what was acknowledged is stored either way.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from daphne.server import Server  # first of all that touches Twisted: it installs the asyncio reactor
from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings
from twisted.internet import reactor
from twisted.internet.error import ReactorNotRunning

from sessions_app.agents.config import AGENTS_TOML, agents_load
from sessions_app.runtime import process as processes
from sessions_app.runtime.drain_signal import RESTART_SIGNAL
from sessions_app.runtime.exit_codes import ExitCode
from sessions_app.runtime.lean_socket import LeanSocket, unsent
from sessions_app.runtime.receive_queue import BoundedQueue
from sessions_app.runtime.request_body import BodyQueue, PlainFactory
from sessions_app.values import EndReason

logger = logging.getLogger(__name__)

CLOSE_RESTART = 1012
IN_FLIGHT_SECONDS = 5.0
CLOSE_SECONDS = 2.0
STORAGE_SECONDS = 5.0  # beyond the drain, for what is stored last
EXIT_SECONDS = 5.0  # from the last word to the end; a thread may hang in a disk that does not answer
BACKLOG = 4096
GC_THRESHOLDS = (20_000, 20, 20)  # a message makes hundreds of objects and no rings; 3 % more acks a second, measured
RESTART_EXPECTED_MS = 3000


class DrainServer(Server):  # type: ignore[misc] # daphne has no types
    """Daphne's server with a drain, a bounded send buffer and a bounded receive queue for each socket.

    Args:
        listener: bound socket; listened on when everything is ready.
        on_ready: called once the port is open.
    """

    def __init__(self, application: Any, *, listener: socket.socket, on_ready: Callable[[], None]) -> None:
        self.endpoints: list[str] = []
        super().__init__(
            application,
            endpoints=[f"fd:fileno={listener.fileno()}"],
            signal_handlers=False,
            verbosity=0,
            server_name="Holdfast",
            websocket_timeout=-1,
            websocket_max_message_size=4 * settings.MAX_FRAME_BYTES,
            websocket_max_frame_size=4 * settings.MAX_FRAME_BYTES,
        )
        self.connections: dict[Any, dict[str, Any]] = {}
        self.exit_code = ExitCode.OK
        self._listener = listener
        self._on_ready = on_ready
        self._process: processes.Process | None = None
        self._draining: asyncio.Task[None] | None = None
        self._exits = contextlib.ExitStack()

    # ---------------------------------------------------------------- life

    def run(self) -> None:
        """Serve until drained."""
        reactor.callWhenRunning(self._begin)
        self._endpoint, self.endpoints = self.endpoints[0], []  # the port opens when everything behind it is ready
        super().run()

    def _begin(self) -> None:
        self.ws_factory.protocol = LeanSocket
        loop = asyncio.get_event_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signal, EndReason.SHUTDOWN)
        loop.add_signal_handler(RESTART_SIGNAL, self._signal, EndReason.RESTART)
        self._starting = loop.create_task(self._start())

    async def _start(self) -> None:
        from twisted.internet.endpoints import serverFromString

        try:
            agents = await asyncio.to_thread(agents_load, settings.DATA_DIR / AGENTS_TOML)
            self._process = await processes.process_started(agents)
            self._exits.enter_context(processes.installed(self._process))
        except Exception as error:
            logger.exception("the server could not start")
            print(f"Holdfast could not start: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the operator's terminal
            self.exit_code = ExitCode.FAILED
            self.stop()
            return
        self._listener.listen(BACKLOG)
        listening = serverFromString(reactor, self._endpoint).listen(PlainFactory(self))  # type: ignore[no-untyped-call]
        listening.addCallback(self.listen_success)
        listening.addErrback(self.listen_error)
        self.listeners.append(listening)
        self._listener.detach()  # the endpoint closed this descriptor; its number may be somebody else's by now
        gc.freeze()  # what is loaded stays: the collector need not walk it again
        gc.set_threshold(*GC_THRESHOLDS)
        self._on_ready()
        await self._process.restart_wanted.wait()  # somebody asked for it, confirmed it, and it is audited
        self._signal(EndReason.RESTART)

    def _signal(self, reason: EndReason) -> None:
        if self._draining is None:
            self._draining = asyncio.get_event_loop().create_task(self._drain(reason))
        elif reason is not EndReason.RESTART:
            logger.warning("second signal: stopping now")
            self.exit_code = ExitCode.OK
            self._stop_now()

    async def _drain(self, reason: EndReason) -> None:
        """Come to an end: the port stays open until the last answer, so that /readyz can say why it is not ready."""
        process = self._process
        if process is None:
            self._stop_now()
            return
        is_restart = reason is EndReason.RESTART
        self.exit_code = ExitCode.RESTART if is_restart else ExitCode.OK
        process.is_draining = True
        process.writer.drain()
        words = {
            "reason": "restarting" if is_restart else "stopping",
            "restartExpectedMs": RESTART_EXPECTED_MS if is_restart else None,
        }
        process.hub.broadcast("shutdown", words)
        await _until(lambda: process.in_flight == 0 and not self._answers_a_page(), IN_FLIGHT_SECONDS)
        try:
            async with asyncio.timeout(settings.DRAIN_SECONDS + settings.HOOK_DRAIN_SECONDS + STORAGE_SECONDS):
                await processes.process_stopped(process, reason=reason, drain_seconds=settings.DRAIN_SECONDS)
        except TimeoutError:
            logger.error("the disk does not answer: stopping without it; the next start closes what was left open")
            self.exit_code = self.exit_code or ExitCode.FAILED
        for listening in self.listeners:
            listening.addCallback(lambda port: port.stopListening())
        await asyncio.sleep(0.05)  # the last events go out before the close frame
        await self._close_sockets()
        self._stop_now()

    def _answers_a_page(self) -> bool:
        """Whether an HTTP request is being answered; the one that asked for a restart is told what becomes of it."""
        requests = [
            found for protocol, found in self.connections.items() if not isinstance(protocol, WebSocketProtocol)
        ]
        ends = [found["application_instance"] for found in requests if "application_instance" in found]
        return not all(end.done() for end in ends)

    async def _close_sockets(self) -> None:
        """Tell every client to come back later, and let its consumer end."""
        sockets = [p for p in self.connections if isinstance(p, WebSocketProtocol) and p.state == p.STATE_OPEN]
        for number, protocol in enumerate(sockets):
            # autobahn's sendClose refuses 1012, its sendCloseFrame does not
            protocol.sendCloseFrame(code=CLOSE_RESTART, reasonUtf8=b"service restart")
            if number % 200 == 199:
                await asyncio.sleep(0)
        found = [self.connections.get(p, {}).get("application_instance") for p in sockets]
        ends = [end for end in found if end is not None]
        if ends:
            await asyncio.wait(ends, timeout=CLOSE_SECONDS)

    def _stop_now(self) -> None:
        last = threading.Timer(EXIT_SECONDS, os._exit, [int(self.exit_code)])
        last.daemon = True
        last.start()
        self._exits.close()
        with contextlib.suppress(ReactorNotRunning):  # a second signal may come while the reactor stops
            self.stop()

    # ---------------------------------------------------------------- daphne's hooks

    def create_application(self, protocol: Any, scope: Any) -> BoundedQueue | BodyQueue | None:
        """Start the application of one connection, with a receive queue that has an end."""
        assert "application_instance" not in self.connections[protocol]
        frames = BodyQueue(protocol) if scope["type"] == "http" else BoundedQueue(protocol)
        scope.setdefault("asgi", {"version": "3.0"})
        application = self.application(scope=scope, receive=frames.get, send=partial(self.handle_reply, protocol))
        if protocol not in self.connections:
            return None
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(application)
        return frames

    async def handle_reply(self, protocol: Any, message: Any) -> None:
        """Pass a message on; wait while the peer does not read, and hang up when it does not for too long."""
        await super().handle_reply(protocol, message)
        transport = getattr(protocol, "transport", None)
        if transport is None or unsent(transport) <= settings.SEND_BUFFER_MAX_BYTES:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + settings.SEND_STALL_MAX_SECONDS
        while transport.connected and unsent(transport) > settings.SEND_BUFFER_MAX_BYTES:
            if loop.time() > deadline:
                logger.info("hanging up on a client that does not read")
                transport.abortConnection()
                return
            await asyncio.sleep(0.02)

    def kill_all_applications(self) -> Any:
        """Cancel what is left; the stock one stumbles over a connection whose application has ended."""
        for details in self.connections.values():
            if "application_instance" not in details:
                ended: asyncio.Future[None] = asyncio.get_event_loop().create_future()
                ended.set_result(None)
                details["application_instance"] = ended
        return super().kill_all_applications()


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition that nobody announces, for so long at most."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - counters announce nothing
        await asyncio.sleep(0.01)
