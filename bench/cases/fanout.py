"""One answer that streams 50 tokens a second, 200 sockets that watch it.

A model server inside the client writes the time into each token, so the delay is counted from the moment the model said it to the
moment a watcher has read it, and holds what the server waits to send 15 frames a second instead of 50. The server's share is
its processor time over the streaming. Wanted: p99 at most 100 ms, server below 60 % of one core.
"""

from __future__ import annotations

import asyncio
import re
import time
from uuid import uuid4

from bench.ground import OPENAI, Ground
from bench.rows import Row, at_most, milliseconds, quantile
from bench.wire import connected, many

WATCHERS = 200
TOKENS_PER_SECOND = 50
DELAY_BOUND_MS = 100.0
SHARE_BOUND = 60.0
STAMP = re.compile(rb"t(\d+\.\d{5})")
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
_CHUNK = (
    'data: {{"id":"c","object":"chat.completion.chunk","created":0,"model":"test","choices":'
    '[{{"index":0,"delta":{{{delta}}},"finish_reason":{finish}}}]}}\n\n'
)


class StampingModel:
    """A model server whose tokens are the time at which they were said."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One chat completion."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        writer.write(_HEAD)
        begin = time.perf_counter()
        for number in range(self.tokens):
            await asyncio.sleep(max(0.0, begin + number / TOKENS_PER_SECOND - time.perf_counter()))
            writer.write(_CHUNK.format(delta=f'"content":"t{time.perf_counter():.5f} "', finish="null").encode())
        writer.write(_CHUNK.format(delta="", finish='"stop"').encode() + b"data: [DONE]\n\n")
        await writer.drain()
        writer.close()


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    tokens = ground.few(8, 1) * TOKENS_PER_SECOND
    model = StampingModel(tokens)
    listener = await asyncio.start_server(model.answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    place = ground.fresh()
    delays: list[float] = []
    frames = 0

    def watch(text: bytes, at: float) -> None:
        nonlocal frames
        if b'"state":"delta"' in text:
            frames += 1
            delays.extend(at - float(stamp) for stamp in STAMP.findall(text))

    async with listener:
        with ground.serving(place, runner=True, agent=OPENAI.format(url=url)) as server:
            sender = await connected(server.port, place.token)
            watchers = await many(WATCHERS, server.port, place.token)
            where = place.conversations[0]
            model.tokens = 2  # a first answer loads the SDK
            await _said(sender, where)
            for socket in watchers:
                await socket.call("events.sync", sessionKey=where["sessionKey"])
                socket.on_text = watch
            model.tokens = tokens
            used, busy, began = server.cpu_seconds(), time.process_time(), time.perf_counter()
            await _said(sender, where)
            wall = time.perf_counter() - began
            share = (server.cpu_seconds() - used) / wall * 100
            client = (time.process_time() - busy) / wall
            await asyncio.sleep(0.5)
    assert len(delays) == tokens * WATCHERS, f"{len(delays)} of {tokens * WATCHERS} tokens arrived"
    bound, met = at_most(quantile(delays, 0.99) * 1e3, DELAY_BOUND_MS, " ms")
    share_bound, share_met = at_most(share, SHARE_BOUND, " % of one core")
    words = f"a stream of {TOKENS_PER_SECOND} tokens/s to {WATCHERS} watchers"
    return [
        Row(
            f"{words}, p99",
            milliseconds(quantile(delays, 0.99)),
            bound=bound,
            met=met,
            note=f"p50 {milliseconds(quantile(delays, 0.5))}, worst {milliseconds(max(delays))}; {frames / wall:,.0f} frames/s; "
            f"the client's core {client:.0%} busy",
        ),
        Row(f"{words}, server", f"{share:.0f} % of one core", bound=share_bound, met=share_met),
    ]


async def _said(socket, where: dict[str, str]) -> None:
    """Send a message and wait until its answer has ended."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    params = {**where, "message": "Tell me the time.", "idempotencyKey": uuid4().hex}
    await socket.call("chat.send", **params)
    before = socket.on_text

    def take(text: bytes, at: float) -> None:
        if b'"event":"chat"' in text and b'"state":"delta"' not in text and not ended.done():
            ended.set_result(None)

    socket.on_text = take
    await asyncio.wait_for(ended, 60)
    socket.on_text = before
