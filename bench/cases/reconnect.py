"""500 sockets that come back at once after a restart: until each is connected and has caught up by its cursor.

Each client watched a conversation of 50 and missed ten messages of it. All begin at the same moment, as pages do that waited for the
same server. Wanted: all caught up within 5 s; memory is told, and at most 60 KiB a socket more than before they came.
"""

from __future__ import annotations

import asyncio
import time

from bench.ground import Ground
from bench.rows import Row, at_most
from bench.sends import frames
from bench.wire import connected, many

BOUND_SECONDS = 5.0
BOUND_KIB = 60.0
CONVERSATIONS = 50
MISSED = 10


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    count = ground.few(500, 50)
    place = ground.fresh(CONVERSATIONS, 0, each=0)
    with ground.serving(place) as server:
        writer = await connected(server.port, place.token)
        for frame in frames(place.conversations, MISSED):
            await writer.ask(frame)
    with ground.serving(place) as server:
        await asyncio.sleep(1)
        early = await many(10, server.port, place.token)  # the readers' threads and connections are not a socket's
        await asyncio.gather(*(socket.call("sessions.list") for socket in early))
        before = server.resident_bytes()
        began = time.perf_counter()

        async def back(number: int) -> tuple[int, float]:
            socket = await connected(server.port, place.token)
            key = place.conversations[number % CONVERSATIONS]["sessionKey"]
            answer = await socket.call("events.sync", sessionKey=key, afterEvent=0)
            return len(answer["events"]), time.perf_counter() - began

        found = await asyncio.wait_for(asyncio.gather(*(back(number) for number in range(count))), 120)
        each = (server.resident_bytes() - before) / count / 1024
    seconds = max(at for _, at in found)
    caught_up = sum(events == MISSED for events, _ in found)
    bound, met = at_most(seconds, BOUND_SECONDS, " s")
    memory, is_bounded = at_most(each, BOUND_KIB, " KiB")
    return [
        Row(
            f"{count} sockets back at once after a restart, all caught up",
            f"{seconds:.2f} s",
            bound=bound,
            met=met and caught_up == count,
            note=f"{caught_up} of {count} have all {MISSED} events they missed; the median after {sorted(at for _, at in found)[count // 2]:.2f} s",
        ),
        Row("memory for each of them", f"{each:.1f} KiB", bound=memory, met=is_bounded),
    ]
