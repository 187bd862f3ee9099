"""Memory the server holds: when it is ready, and for each idle socket of 1,000.

Resident memory from /proc. An idle socket has said who it is and watches a conversation, as a page does. The `openai` SDK is not
loaded before the first answer; what it adds is told. Wanted: at most 110 MiB, and at most 40 KiB a socket.
"""

from __future__ import annotations

import asyncio

from bench.ground import OPENAI, Ground
from bench.rows import Row, at_most
from bench.sends import MESSAGE
from bench.wire import connected, many

START_BOUND_MIB = 110.0
SOCKET_BOUND_KIB = 40.0
MIB = 2**20


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    count = ground.few(1000, 100)
    place = ground.fresh(20)
    with ground.model_server() as url, ground.serving(place, runner=True, agent=OPENAI.format(url=url)) as server:
        await asyncio.sleep(1)
        at_start = server.resident_bytes() / MIB
        sockets = await many(
            10, server.port, place.token
        )  # the readers' threads and their connections are not a socket's
        await asyncio.gather(*(socket.call("sessions.list") for socket in sockets))
        before = server.resident_bytes()
        sockets += await many(count, server.port, place.token)
        for number, socket in enumerate(sockets):
            await socket.call("events.sync", sessionKey=place.conversations[number % 20]["sessionKey"])
        await asyncio.sleep(2)
        each = (server.resident_bytes() - before) / count / 1024
        loaded = server.resident_bytes()
        one = await connected(server.port, place.token)
        await one.call("chat.send", **place.conversations[0], message=MESSAGE, idempotencyKey="first")
        await asyncio.sleep(3)
        sdk = (server.resident_bytes() - loaded) / MIB
    start_bound, start_met = at_most(at_start, START_BOUND_MIB, " MiB")
    bound, met = at_most(each, SOCKET_BOUND_KIB, " KiB")
    return [
        Row("resident memory at start", f"{at_start:.0f} MiB", bound=start_bound, met=start_met),
        Row(f"for each idle socket, at {count:,}", f"{each:.1f} KiB", bound=bound, met=met),
        Row("what the first answer of an `openai` agent adds", f"{sdk:.0f} MiB", note="the SDK, loaded on first use"),
    ]
