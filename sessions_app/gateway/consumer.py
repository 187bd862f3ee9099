"""One socket: reads request frames, runs each as a task of its own, sends answers and events.

A handler never blocks the next frame, and a socket never has more than so many at once. Events are pushed by the hub into a bounded
outbox, so that a client that stops reading costs its own events only; they lie in the log until it takes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from typing import Any
from uuid import UUID

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from structlog.contextvars import bind_contextvars

from sessions_app.errors import HoldfastError, InvalidFrameError, RateLimitedError, UnauthenticatedError
from sessions_app.gateway.errors import as_holdfast
from sessions_app.gateway.hello import hello_said
from sessions_app.gateway.methods import METHODS, Method, method_named, params_parse
from sessions_app.gateway.protocol import (
    FrameError,
    Request,
    answer_encode,
    error_encode,
    request_parse,
    size_checked,
)
from sessions_app.gateway.rate import rate_check
from sessions_app.runtime import process as processes
from sessions_app.runtime.compaction import compact
from sessions_app.runtime.permits import permit_of
from sessions_app.selectors.events import events_since
from sessions_app.values import Actor, Json

CONNECT_SECONDS = 20.0
OUTBOX_MAX_FRAMES = 1000
OUTBOX_MAX_CHARS = 2 * 1024 * 1024
READS_AT_ONCE = 4  # answers can be large: no more than this are held for a socket that does not take them
CLOSE_UNAUTHENTICATED = 4401


class GatewayConsumer(AsyncWebsocketConsumer):
    """A client of the gateway; also a `hub.Watcher`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._id = secrets.token_hex(4)
        self._actor: Actor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._watched: set[str] = set()
        self._sending = asyncio.Lock()
        self._outbox: deque[str] = deque()
        self._outbox_chars = 0
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._sender: asyncio.Task[None] | None = None
        self._was_refused = False
        self._event_seq = 0
        self._is_closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The life of the socket. `disconnect` does not run when a send fails, so what must happen happens here."""
        self._process = processes.current()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._is_closed = True
            self._process.hub.close(self)
            if self._sender is not None:
                self._sender.cancel()

    async def dispatch(self, message: Any) -> None:
        """Hand a message on, without Channels' hop to a thread for each one (65 µs, and all sockets wait behind one query)."""
        await getattr(self, get_handler_name(message))(message)

    # ---------------------------------------------------------------- incoming

    async def connect(self) -> None:
        """Accept; who it is, is asked by the first request."""
        self._process.hub.open(self)
        asyncio.get_running_loop().call_later(CONNECT_SECONDS, self._close_strangers)
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """One frame: parse it, and run it as a task."""
        try:
            if text_data is None:
                raise InvalidFrameError("Frames are text, not binary.")
            request = request_parse(size_checked(text_data, settings.MAX_FRAME_BYTES))
        except HoldfastError as error:
            frame_id = error.frame_id if isinstance(error, FrameError) else None
            await self._send(error_encode(frame_id, as_holdfast(error, "a frame")))
            return
        if len(self._tasks) >= settings.MAX_IN_FLIGHT:
            busy = RateLimitedError(
                "Too many requests at once on this socket.", retryAfterMs=250, maxInFlight=settings.MAX_IN_FLIGHT
            )
            await self._send(error_encode(request.id, as_holdfast(busy, request.method[:80])))
            return
        task = asyncio.get_running_loop().create_task(self._answer(request))
        self._tasks.add(task)
        self._process.in_flight += 1
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._process.in_flight -= 1

    async def _answer(self, request: Request) -> None:
        """Run one request and send its answer; a few reads at once, writes as they come."""
        method = METHODS.get(request.method)
        if method is None or method.read is None:
            await self._answer_now(request)
        else:
            async with self._reads:
                await self._answer_now(request)

    async def _answer_now(self, request: Request) -> None:
        """Run one request and send its answer. The writer owns what was queued: a socket that is gone loses the answer only."""
        payload: Json | None = None
        actor = self._actor
        name = request.method[:80]
        # the task's own context: gone with it, and no other request sees it
        bind_contextvars(socket=self._id, frame=request.id, method=name, actor=actor.ref if actor else None)
        try:
            if request.method == "connect":
                self._actor, payload = await hello_said(self._process, self.scope, request.params)
            else:
                if actor is None:
                    raise UnauthenticatedError('The first request is "connect".')
                method = method_named(request.method)
                payload = await self._call(actor, method, params_parse(method.params, request.params))
        except Exception as error:  # noqa: BLE001 - the edge: everything becomes a typed answer
            frame = error_encode(request.id, as_holdfast(error, name))
        else:
            frame = answer_encode(request.id, payload)
        await self._send(frame)
        if payload is not None and request.method == "events.sync":
            self._go_live(request.params, payload)

    async def _call(self, actor: Actor, method: Method, values: Json) -> Json:
        rate_check(actor, method.name)
        process = self._process
        if method.read is not None:
            payload = await process.readers.read(method.read, actor, values)
            return self._with_live(payload) if method.name == "events.sync" else payload
        process.refuse_when_draining()
        if method.compacts:
            return await compact(
                process.runner.compactor, process.writer, process.readers, method.wanted(actor, values)
            )
        command = method.command(actor, values)
        if method.name != "chat.send":
            return await process.writer.send(command)
        async with self._sending:  # what came first is stored first: nobody overtakes who waits for the look at the log
            await self._watch(actor, values["session_key"])
            stored = process.writer.send(command)
        return await stored

    # ---------------------------------------------------------------- watching

    async def _watch(self, actor: Actor, session_key: str) -> None:
        """Watch a conversation from now on, unless this socket does already."""
        if session_key in self._watched:
            return
        try:
            head = await self._process.readers.read(events_since, actor, session_key=session_key)
        except HoldfastError:
            return  # the send itself says what is wrong
        if session_key not in self._watched:  # an events.sync that began meanwhile has its own cursor
            self._watched.add(session_key)
            self._start_watching(head, head["lastEvent"])

    def _go_live(self, params: Json, payload: Json) -> None:
        """After an answer to `events.sync` is on its way: what comes behind its last event."""
        self._watched.add(params["sessionKey"])
        conversation_id = UUID(payload["conversationId"])
        knew = self._process.hub.is_watching(self, conversation_id)
        self._start_watching(payload, payload["lastEvent"])
        answer = self._process.live.of_conversation(conversation_id)
        if answer is not None and not knew:
            self._process.hub.delta_missed(self, answer, payload.get("live"))

    def _start_watching(self, head: Json, cursor: int) -> None:
        if not self._is_closed:
            place = UUID(head["conversationId"]), head["sessionKey"], cursor
            self._process.hub.watch(self, *place, permit_of(head))

    def _with_live(self, payload: Json) -> Json:
        """The text so far of an answer that streams now, for a late tab."""
        answer = self._process.live.of_conversation(UUID(payload["conversationId"]))
        if answer is None:
            return payload
        # what was sent, not what came: the next delta's offset continues exactly here
        live = {"runId": str(answer.run_id), "sessionId": str(answer.session_id), "text": answer.text[: answer.sent]}
        return {**payload, "live": live}

    # ---------------------------------------------------------------- outgoing

    @property
    def actor(self) -> Actor | None:
        """Who is connected; see `hub.Watcher`."""
        return self._actor

    def hang_up(self) -> None:
        """Close the socket, because its account or token is no longer good; see `hub.Watcher`."""
        self._actor = None
        self._closing = asyncio.ensure_future(self.close(code=CLOSE_UNAUTHENTICATED))

    def push(self, frame: str) -> bool:
        """Take an event frame from the hub; see `hub.Watcher`."""
        if len(self._outbox) >= OUTBOX_MAX_FRAMES or self._outbox_chars > OUTBOX_MAX_CHARS:
            self._was_refused = True
            return False
        self._outbox.append(frame)
        self._outbox_chars += len(frame)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send_events())
        return True

    async def _send_events(self) -> None:
        while self._outbox:
            frame = self._outbox.popleft()
            self._outbox_chars -= len(frame)
            self._event_seq += 1
            await self._send(f"{frame}{self._event_seq}}}")
        if self._was_refused:
            self._was_refused = False
            self._process.hub.caught_up(self)

    async def _send(self, text: str) -> None:
        """Send a frame; a socket that is gone takes nothing, which is no error."""
        if not self._is_closed:
            with contextlib.suppress(ConnectionError):
                await self.send(text_data=text)

    def _close_strangers(self) -> None:
        """Nobody keeps a socket without saying who they are."""
        if self._actor is None and not self._is_closed:
            self.hang_up()
