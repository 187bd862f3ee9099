"""Fifty clients in fifty conversations, runner paused: acknowledged messages a second.

Each client keeps one message on its way and moves to its next conversation before the queue of 100 is full. In turns with it: raw
500-byte appends with fdatasync, and the same frames against the bare echo with the same 50 sockets, which also shows what the
client can do. Wanted: at least 0.4 times the raw appends of a second.
"""

from __future__ import annotations

from bench.ground import Ground
from bench.rows import TIMES, Row, at_least, median, milliseconds, quantile, spread, thousands, times
from bench.sends import Echoes, Load, frames, shares
from bench.wire import many, opened

BOUND = 0.4
CLIENTS = 50
SECONDS = 1.5


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    rounds, seconds = ground.few(6, 1), ground.few(3, 1) * SECONDS / 3
    place = ground.fresh(CLIENTS * ground.few(24, 10), 0, each=0)
    rates, floors, ratios, waits, bare, busy, bare_busy, cpu = [], [], [], [], [], [], [], []
    with ground.serving(place) as server, ground.echoing() as echo:
        sockets = await many(CLIENTS, server.port, place.token)
        nexts = [frames(share) for share in shares(place.conversations, CLIENTS)]
        echoes = Echoes([await opened(echo.port, "/") for _ in range(CLIENTS)], next(frames(place.conversations)))
        load = Load(sockets, nexts)
        await load.run(0.3)
        for _ in range(rounds):
            durations = ground.floor()
            used = server.cpu_seconds()
            await load.run(seconds)
            cpu.append((server.cpu_seconds() - used) / load.done * 1e6)
            bare.append(await echoes.run(seconds / 2))
            rates.append(load.rate)
            floors.append(len(durations) / sum(durations))
            ratios.append(rates[-1] / floors[-1])
            waits += load.waits
            busy.append(load.client_share)
            bare_busy.append(echoes.client_share)
    bound, met = at_least(median(ratios), BOUND, TIMES)
    return [
        Row(
            "acks a second, 50 clients in 50 conversations, runner paused",
            f"{thousands(median(rates))}/s",
            f"fdatasync {thousands(median(floors))}/s",
            times(median(ratios)),
            bound,
            met,
            f"p50 {milliseconds(quantile(waits, 0.5))}, p99 {milliseconds(quantile(waits, 0.99))}; {median(cpu):.0f} µs of the "
            f"server's core a message; the client's core {median(busy):.0%} busy; ratio {spread(ratios)}",
        ),
        Row(
            "the same frames against the bare echo, 50 sockets",
            f"{thousands(median(bare))}/s",
            f"fdatasync {thousands(median(floors))}/s",
            times(median(bare) / median(floors)),
            note=f"the same client, its core {median(bare_busy):.0%} busy: it is not what limits the row above",
        ),
    ]
