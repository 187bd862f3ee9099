"""One client: how long until a message is acknowledged, which means that it is on the disk.

One client sends `chat.send` (392 characters) over the socket, one after the other, with the runner paused; the server has a core of
its own. In turns with it: raw 500-byte appends with fdatasync on the same disk, and the same frame against a bare echo over the
same server stack. Wanted: p50 at most 9 times the p50 of a raw append.
"""

from __future__ import annotations

from bench.ground import Ground
from bench.rows import TIMES, Row, at_most, median, milliseconds, quantile, spread, times
from bench.sends import PER_SESSION, frames
from bench.wire import Socket, connected, opened

BOUND = 9.0
SENDS = 90


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    rounds = ground.few(12, 2)
    place = ground.place(max(100, rounds + 2), 100)
    ratios, acks, tails, floors, echoes = [], [], [], [], []
    with ground.serving(place) as server, ground.echoing() as echo:
        client, plain = await connected(server.port, place.token), await opened(echo.port, "/")
        nexts = frames(place.conversations[1:])
        plain.on_text = _any_answer(plain)
        for number in range(rounds + 1):
            floor = quantile(ground.floor(), 0.5)
            waits = [(await client.ask(next(nexts)))[1] for _ in range(PER_SESSION)][-SENDS:]
            frame = next(frames(place.conversations))
            bare = [(await plain.ask(frame))[1] for _ in range(SENDS)]
            if number:  # the first round warms caches
                floors.append(floor)
                acks.append(quantile(waits, 0.5))
                tails.append(quantile(waits, 0.99))
                echoes.append(quantile(bare, 0.5))
                ratios.append(acks[-1] / floor)
    bound, met = at_most(median(ratios), BOUND, TIMES)
    return [
        Row(
            "durable ack of `chat.send`, 1 client, p50",
            milliseconds(median(acks)),
            f"fdatasync {milliseconds(median(floors))}",
            times(median(ratios)),
            bound,
            met,
            f"p99 {milliseconds(median(tails))}; ratio {spread(ratios)}",
        ),
        Row(
            "the same frame against the bare echo, p50",
            milliseconds(median(echoes)),
            f"fdatasync {milliseconds(median(floors))}",
            times(median(echoes) / median(floors)),
            note="what sockets, loop and client cost without Holdfast and without a disk",
        ),
    ]


def _any_answer(socket: Socket):
    """The echo sends back the request itself, which counts as the answer here."""

    def take(text: bytes, at: float) -> None:
        if socket._answer is not None and not socket._answer.done():
            socket._answer.set_result((text, at))

    return take
