"""A real OpenAI-compatible model server for tests, the browser and benchmarks. Loopback only, standard library only.

In a test:

    with ModelServer() as server:
        agent = OpenAICompatibleAgent("main", OpenAISettings(backend="openai", base_url=server.base_url, model="test"))
        ...
        assert server.requests[-1].messages[-1]["content"] == "hello"

From a shell: `python -m tests.support.model_server --port 8099 [--instant]`.

How it answers a request is the first of: a behaviour queued with `behave_next`, a word `behave:NAME` in the last user message,
the server's own `behaviour`. NAME is one of:

    echo               `You said: TEXT (message N)` in `chunks` pieces with `delay_seconds` before each
    stream:COUNT:DELAY COUNT pieces `word1 word2 ...`, DELAY seconds before each, e.g. stream:500:0.02
    held:COUNT:FIRST   FIRST of COUNT such pieces, then the others once `go_on` was called
    slow               = stream:200:0.05
    401 403 404 500 503  that status with an error body;  429: with Retry-After: 7;  quota: 429 insufficient_quota
    context            400 context_length_exceeded
    break              half an answer, then the connection is cut;  refuse: cut before any byte
    nofinish           an answer without finish_reason and without [DONE]
    nodone             a whole answer, then neither [DONE] nor an end
    hang               accepts and never answers;  stall: half an answer, then silence
    empty              finish_reason "stop" without a word;  filtered: finish_reason "content_filter" without a word
    errorevent         half an answer, then an error object inside the stream;  contextevent: the same, as context overflow
    odd                a whole answer among chunks of strange shapes
    garbage            a line that is no JSON;  html: a page instead of a stream;  split: an emoji cut between two pieces
"""

from __future__ import annotations

import argparse
import asyncio
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from tests.support.model_connection import ModelConnection, ModelRequest

STARTED_MAX_SECONDS = 10
CHOSEN = re.compile(r"behave:([a-z0-9:.]+)")


@dataclass
class ModelServer:
    """The server, on its own thread and a free port; a context manager.

    Attributes:
        behaviour: what a request gets that chooses nothing itself.
        chunks: pieces of an echo.
        delay_seconds: pause before each piece of an echo.
        reply: makes the text of an echo from the messages; None for the built-in one.
        requests: what was asked for, oldest first.
        is_held: whether answers of `held` still wait in their middle.
    """

    behaviour: str = "echo"
    chunks: int = 8
    delay_seconds: float = 0.0
    port: int = 0
    reply: Callable[[list[dict[str, str]]], str] | None = None
    keep_requests: bool = True
    requests: list[ModelRequest] = field(default_factory=list)
    connections: int = 0
    is_held: bool = True
    _next: deque[str] = field(default_factory=deque)
    _ready: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _stopping: asyncio.Event | None = None

    @property
    def base_url(self) -> str:
        """What goes into agents.toml."""
        return f"http://127.0.0.1:{self.port}/v1"

    def behave_next(self, *behaviours: str) -> None:
        """The next requests get these, one each; then the usual choice counts again."""
        self._next.extend(behaviours)

    def go_on(self) -> None:
        """Give the rest of the answers that are held in their middle."""
        self.is_held = False

    def wait_until(self, condition: Callable[[], bool], *, timeout_seconds: float = 5.0) -> None:
        """Block until something is true here, e.g. `lambda: server.requests[0].ended == "hung up"`."""
        until = time.monotonic() + timeout_seconds
        while not condition():
            if time.monotonic() > until:
                raise AssertionError(f"not within {timeout_seconds} s; requests: {self.requests}")
            time.sleep(0.005)

    def __enter__(self) -> ModelServer:
        self._thread = threading.Thread(target=asyncio.run, args=(self.serve(),), name="model-server", daemon=True)
        self._thread.start()
        if not self._ready.wait(STARTED_MAX_SECONDS):
            raise RuntimeError("the model server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not None:
            self._thread.join(STARTED_MAX_SECONDS)

    async def serve(self) -> None:
        """Listen until stopped; every open connection ends with it."""
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        open_tasks: set[asyncio.Task[None]] = set()

        async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            open_tasks.add(task)
            self.connections += 1
            try:
                await ModelConnection(self, reader, writer, self.connections).run()
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                open_tasks.discard(task)
                writer.close()

        listener = await asyncio.start_server(meet, "127.0.0.1", self.port, backlog=512)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        listener.close()
        for task in open_tasks:
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)

    def choose(self, messages: list[dict[str, str]]) -> str:
        """The behaviour of a request."""
        if self._next:
            return self._next.popleft()
        users = [message["content"] for message in messages if message["role"] == "user"]
        chosen = CHOSEN.search(users[-1]) if users else None
        return chosen[1].rstrip(".:") if chosen else self.behaviour

    def text(self, messages: list[dict[str, str]]) -> str:
        """The whole answer of an echo."""
        if self.reply is not None:
            return self.reply(messages)
        count = sum(message["role"] == "user" for message in messages)
        return f"You said: {messages[-1]['content'] if messages else ''} (message {count})"


def main() -> None:
    """Serve until interrupted; the first line printed is the base_url."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--instant", action="store_true", help="two pieces without a pause, nothing recorded: for benchmarks"
    )
    parser.add_argument("--delay-seconds", type=float, default=0.05, help="pause before each piece of an echo")
    parser.add_argument("--chunks", type=int, default=12, help="pieces of an echo")
    parser.add_argument("--behaviour", default="echo", help="what a request gets that chooses nothing itself")
    asked = parser.parse_args()
    server = ModelServer(
        port=asked.port,
        behaviour=asked.behaviour,
        chunks=2 if asked.instant else asked.chunks,
        delay_seconds=0.0 if asked.instant else asked.delay_seconds,
        keep_requests=False,
    )

    async def serve() -> None:
        task = asyncio.create_task(server.serve())
        while not server._ready.is_set() and not task.done():  # noqa: ASYNC110 - an event of threads
            await asyncio.sleep(0.01)
        if server._ready.is_set():
            print(server.base_url, flush=True)  # noqa: T201
        await task

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
