"""Does the number of conversations cost? A page of 50 of `sessions.list`, 10,000 conversations against 100.

The two data directories of `growth`, two servers on the same core, calls in turn. The first page, and a page behind a cursor in the
middle. Wanted: p50 at most 1.3 times.
"""

from __future__ import annotations

from bench.cases.growth import BOUND, LARGE, SMALL, SMOKE
from bench.ground import Ground
from bench.rows import TIMES, Row, at_most, milliseconds, quantile, times
from bench.wire import Socket, connected


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    sizes = SMOKE if ground.quick else LARGE
    small, large = ground.place(*SMALL), ground.place(*sizes)
    times: dict[str, tuple[list[float], list[float]]] = {"first page": ([], []), "page in the middle": ([], [])}
    with ground.serving(small) as few, ground.serving(large) as much:
        pair = [await connected(few.port, small.token), await connected(much.port, large.token)]
        cursors = [await _cursor(pair[0], 1), await _cursor(pair[1], sizes[0] // 100)]
        for number in range(ground.few(150, 10) + 5):
            for socket, cursor, which in zip(pair, cursors, (0, 1), strict=True):
                for name, at in (("first page", ""), ("page in the middle", cursor)):
                    _, seconds = await socket.timed("sessions.list", limit=50, cursor=at)
                    if number >= 5:
                        times[name][which].append(seconds)
    return [_row(name, *both, sizes[0]) for name, both in times.items()]


async def _cursor(socket: Socket, pages: int) -> str:
    """The cursor behind so many pages."""
    cursor = ""
    for _ in range(pages):
        cursor = (await socket.call("sessions.list", limit=50, cursor=cursor))["nextCursor"] or cursor
    return cursor


def _row(name: str, small: list[float], large: list[float], count: int) -> Row:
    few, much = quantile(small, 0.5), quantile(large, 0.5)
    bound, met = at_most(much / few, BOUND, TIMES)
    return Row(
        f"conversations, {name} of 50, of {count:,}",
        milliseconds(much),
        f"of 100 {milliseconds(few)}",
        times(much / few),
        bound,
        met,
        f"p99 {milliseconds(quantile(large, 0.99))} against {milliseconds(quantile(small, 0.99))}",
    )
