"""A start after SIGKILL with 1,000 answers running: what recovery adds to it.

1,000 conversations, each with an answer that streams slowly (the demo, one word in ten seconds); the server is killed, started again, and
started once more. Recovery happens before the port opens, so it is the first start's time until ready less the second's.
Wanted: at most 2 s.
"""

from __future__ import annotations

import asyncio
import signal

from bench.ground import Ground
from bench.rows import Row, at_most
from bench.sends import frames
from bench.wire import connected

BOUND_SECONDS = 2.0
SLOW = '[agents.main]\nbackend = "demo"\npace_seconds = 10\n'


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    count = ground.few(1000, 50)
    place = ground.fresh(count, 0, each=0)
    with ground.serving(place, runner=True, agent=SLOW, HOLDFAST_RUNNER_MAX_RUNS=str(count)) as server:
        client = await connected(server.port, place.token)
        for frame in frames(place.conversations, 1):
            await client.ask(frame)
        async with asyncio.timeout(120):
            while (running := (await client.call("gateway.status"))["runsRunning"]) < count:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.2)
        server.end(signal.SIGKILL)
        await asyncio.to_thread(server.process.wait)
    seconds = []
    for _ in range(2):
        with ground.serving(place) as server:
            seconds.append(server.ready_seconds)
            client = await connected(server.port, place.token)
            left = (await client.call("gateway.status"))["runsRunning"]
    added = seconds[0] - seconds[1]
    bound, met = at_most(added, BOUND_SECONDS, " s")
    return [
        Row(
            f"recovery of {running:,} interrupted answers",
            f"{added:.2f} s",
            bound=bound,
            met=met and not left,
            note=f"ready after {seconds[0]:.2f} s, the start after it {seconds[1]:.2f} s; {left} still called running",
        )
    ]
