"""From `chat.send` to the first words of the answer, with an instant local model server.

One client. The model server of the tests answers at once, on the client's core; the agent is `openai`, the SDK is loaded before. In
turns with it the ack alone, from a server whose runner is paused, as in `ack`. Sessions are short (eight turns). The demo without
pauses is told too: the difference is the SDK and the connection to the model server. Wanted: p50 at most 4 times the ack.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from bench.ground import DEMO, OPENAI, Ground
from bench.rows import TIMES, Row, at_most, median, milliseconds, quantile, spread, times
from bench.sends import frames
from bench.wire import Socket, connected

BOUND = 4.0
TURNS = 8
_CHAT = b'{"type":"event","event":"chat"'


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    rounds = ground.few(10, 2)
    paused, real, demo = (ground.fresh(2 * rounds + 2, 0, each=0) for _ in range(3))
    acks, firsts, demos, acks_then = [], [], [], []
    with (
        ground.model_server() as url,
        ground.serving(paused) as alone,
        ground.serving(real, runner=True, agent=OPENAI.format(url=url)) as answering,
        ground.serving(demo, runner=True, agent=DEMO) as talking,
    ):
        clients = [
            await connected(server.port, place.token)
            for server, place in ((alone, paused), (answering, real), (talking, demo))
        ]
        nexts = [frames(place.conversations, TURNS) for place in (paused, real, demo)]
        for number in range(rounds + 1):
            ack = quantile([(await clients[0].ask(next(nexts[0])))[1] for _ in range(2 * TURNS)], 0.5)
            turns = [await _turn(clients[1], nexts[1]) for _ in range(2 * TURNS)]
            small = [await _turn(clients[2], nexts[2]) for _ in range(2 * TURNS)]
            if number:
                acks.append(ack)
                acks_then.append(quantile([turn[0] for turn in turns], 0.5))
                firsts.append(quantile([turn[1] for turn in turns], 0.5))
                demos.append(quantile([turn[1] for turn in small], 0.5))
    ratios = [first / ack for first, ack in zip(firsts, acks, strict=True)]
    bound, met = at_most(median(ratios), BOUND, TIMES)
    against = f"ack {milliseconds(median(acks))}"
    return [
        Row(
            "`chat.send` to the first delta, instant model server, p50",
            milliseconds(median(firsts)),
            against,
            times(median(ratios)),
            bound,
            met,
            f"the ack of the same message {milliseconds(median(acks_then))}; ratio {spread(ratios)}",
        ),
        Row(
            "the same with the demo agent (no SDK, no model server), p50",
            milliseconds(median(demos)),
            against,
            times(median(demos) / median(acks)),
        ),
    ]


async def _turn(socket: Socket, nexts: Iterator[bytes]) -> tuple[float, float]:
    """One turn up to its end; seconds to the ack and to the first delta."""
    marks: dict[str, float] = {}
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(text: bytes, at: float) -> None:
        if text.startswith(b'{"type":"res"'):
            marks["ack"] = at
        elif text.startswith(_CHAT):
            kind = "delta" if b'"state":"delta"' in text else "end"
            marks.setdefault(kind, at)
        if {"ack", "end"} <= marks.keys() and not ended.done():
            ended.set_result(None)

    socket.on_text = take
    began = time.perf_counter()
    socket.send(next(nexts))
    await asyncio.wait_for(ended, 30)
    return marks["ack"] - began, marks["delta"] - began
