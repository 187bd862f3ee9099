"""Fifty clients in fifty conversations, every message also answered: turns a second, from sending to the end of the answer.

A client sends its next message when the answer to the one before is stored and told (`chat` with state `final`). The agent of the
bound is instant and inside the server: the demo without pauses, about 30 pieces an answer. For comparison the same with a model
server on the client's core behind the `openai` SDK, whose own cost then counts too. Sessions are short (each client moves on
after eight turns). Wanted: at least 0.2 times the raw 500-byte appends with fdatasync of a second.
"""

from __future__ import annotations

from bench.ground import DEMO, OPENAI, Ground
from bench.rows import TIMES, Row, at_least, median, milliseconds, quantile, spread, thousands, times
from bench.sends import Load, frames, shares
from bench.wire import many

BOUND = 0.2
CLIENTS = 50
TURNS = 8


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    with ground.model_server() as url:
        return [
            await _measured(ground, DEMO, "an instant agent", BOUND),
            await _measured(ground, OPENAI.format(url=url), "a model server behind the `openai` SDK", None),
        ]


async def _measured(ground: Ground, agent: str, words: str, wanted: float | None) -> Row:
    place = ground.fresh(CLIENTS * ground.few(40, 12), 0, each=0)
    rates, floors, ratios, waits, busy, cpu = [], [], [], [], [], []
    with ground.serving(place, runner=True, agent=agent) as server:
        sockets = await many(CLIENTS, server.port, place.token)
        nexts = [frames(share, TURNS) for share in shares(place.conversations, CLIENTS)]
        load = Load(sockets, nexts, answered=True)
        await load.run(0.5)  # the first answer loads the SDK
        for _ in range(ground.few(4, 1)):
            durations = ground.floor()
            used = server.cpu_seconds()
            await load.run(ground.few(3, 1) / 2)
            cpu.append((server.cpu_seconds() - used) / load.done * 1e6)
            rates.append(load.rate)
            floors.append(len(durations) / sum(durations))
            ratios.append(rates[-1] / floors[-1])
            waits += load.waits
            busy.append(load.client_share)
    bound, met = at_least(median(ratios), wanted, TIMES) if wanted else ("", None)
    return Row(
        f"turns a second, 50 clients, each message answered by {words}",
        f"{thousands(median(rates))}/s",
        f"fdatasync {thousands(median(floors))}/s",
        times(median(ratios), 3),
        bound,
        met,
        f"p50 {milliseconds(quantile(waits, 0.5))}, p99 {milliseconds(quantile(waits, 0.99))}; {median(cpu):,.0f} µs of the server's "
        f"core a turn; the client's core {median(busy):.0%} busy; ratio {spread(ratios)}",
    )
