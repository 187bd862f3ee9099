"""From starting the process to the line that says the port is open: a full data directory against an empty one.

Full: 10,000 conversations and 1,000,000 entries (the one of `growth`); empty: a first user and one conversation. The page cache is
warm, starts alternate, no stop in between is a crash. Wanted: at most 1.3 times.
"""

from __future__ import annotations

from bench.cases.growth import BOUND, LARGE, SMOKE
from bench.ground import Ground
from bench.rows import TIMES, Row, at_most, median, spread, times


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    sizes = SMOKE if ground.quick else LARGE
    empty, full = ground.fresh(), ground.place(*sizes)
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(ground.few(7, 1) + 1):
        for place, found in zip((empty, full), seconds, strict=True):
            with ground.serving(place, runner=True) as server:
                if number:
                    found.append(server.ready_seconds)
    ratios = [much / few for few, much in zip(*seconds, strict=True)]
    bound, met = at_most(median(ratios), BOUND, TIMES)
    return [
        Row(
            f"start to ready, {sizes[0]:,} conversations and {sizes[1]:,} entries",
            f"{median(seconds[1]):.2f} s",
            f"empty {median(seconds[0]):.2f} s",
            times(median(ratios)),
            bound,
            met,
            f"ratio {spread(ratios)}",
        )
    ]
