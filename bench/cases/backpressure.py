"""Five clients that stop reading while 20 MB are published to them: what the server's memory does, and a client that reads.

1,000 messages of 20 kB, one after the other, in conversations that all six watch. The five do not read from their sockets (the system's
own buffers take some megabytes for each; those are not the server's). The sixth reads; its wait is from sending to the event of
the message, so it holds the ack and the disk. Memory is the largest of samples each 50 ms. The same 20 MB are published before with
the healthy client alone, which warms what is kept anyway. Wanted: less than 15 MiB more, and p99 below 20 ms.
"""

from __future__ import annotations

import asyncio
import json
import time
from uuid import uuid4

from bench.ground import Ground, Place, Running
from bench.rows import Row, at_most, milliseconds, quantile
from bench.wire import Socket, connected

BOUND_MIB = 15.0
BOUND_SECONDS = 0.020
STALLED = 5
CHARS = 20_000
EACH = 90  # messages in a conversation: a session takes 100 that wait
MIB = 2**20


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    count = ground.few(1000, 100)
    conversations = -(-count // EACH)
    place = ground.fresh(2 * conversations, 0, each=0)
    with ground.serving(place) as server:
        sender, healthy = [await connected(server.port, place.token) for _ in range(2)]
        deaf = [await connected(server.port, place.token) for _ in range(STALLED)]
        for socket in (healthy, *deaf):
            for where in place.conversations[conversations:] if socket in deaf else place.conversations:
                await socket.call("events.sync", sessionKey=where["sessionKey"])
        alone, _ = await _published(server, place, range(conversations), count, sender, healthy)
        for socket in deaf:
            socket.stall()
        before = server.resident_bytes()
        waits, most = await _published(server, place, range(conversations, 2 * conversations), count, sender, healthy)
    grown = (most - before) / MIB
    bound, met = at_most(grown, BOUND_MIB, " MiB")
    p99 = quantile(waits, 0.99)
    wait_bound, wait_met = at_most(p99 * 1e3, BOUND_SECONDS * 1e3, " ms")
    words = f"{STALLED} stalled readers, {count * CHARS / 1e6:.0f} MB published"
    return [
        Row(f"{words}: memory grows by", f"{grown:.1f} MiB", bound=bound, met=met),
        Row(
            f"{words}: a healthy reader, p99",
            milliseconds(p99),
            f"alone {milliseconds(quantile(alone, 0.99))}",
            bound=wait_bound,
            met=wait_met,
            note=f"p50 {milliseconds(quantile(waits, 0.5))}, alone {milliseconds(quantile(alone, 0.5))}",
        ),
    ]


async def _published(
    server: Running, place: Place, where: range, count: int, sender: Socket, healthy: Socket
) -> tuple[list[float], int]:
    """Publish, and wait for each message at the healthy client; how long each took, and the most memory seen."""
    waits: list[float] = []
    arrived: asyncio.Queue[float] = asyncio.Queue()
    healthy.on_text = lambda text, at: arrived.put_nowait(at) if b'"event":"entry.added"' in text[:60] else None
    most, sampled = server.resident_bytes(), time.perf_counter()
    for number in range(count):
        conversation = place.conversations[where[number // EACH]]
        params = {**conversation, "message": "x" * CHARS, "idempotencyKey": uuid4().hex}
        frame = json.dumps({"type": "req", "id": "s", "method": "chat.send", "params": params}).encode()
        began = time.perf_counter()
        sender.send(frame)
        waits.append(await asyncio.wait_for(arrived.get(), 30) - began)
        if time.perf_counter() - sampled > 0.05:
            most, sampled = max(most, server.resident_bytes()), time.perf_counter()
    return waits, max(most, server.resident_bytes())
