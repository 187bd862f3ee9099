"""Does length cost the model's context? Reading it at 1,000,000 entries against 1,000, each after a compaction of the whole.

Two data directories; each is read in a process of its own by the function the runner calls, ten turns after the summary. Processor time of
a reading, so that a busy machine does not count. Wanted: p50 at most 1.3 times.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from bench.ground import Ground, Place
from bench.rows import TIMES, Row, at_most, milliseconds, quantile, times

BOUND = 1.3
SMALL, LARGE, SMOKE = 1_000, 1_000_000, 20_000


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    size = SMOKE if ground.quick else LARGE
    small, large = ground.fresh(1, SMALL), ground.fresh(1, size)
    rounds = ground.few(500, 50)
    few, much = [quantile(await _read(place, rounds), 0.5) for place in (small, large)]
    bound, met = at_most(much / few, BOUND, TIMES)
    words = f"the model's context after a compaction, {size:,} entries"
    against = f"{SMALL:,} entries {milliseconds(few)}"
    return [Row(words, milliseconds(much), against, times(much / few), bound, met, "processor time")]


async def _read(place: Place, rounds: int) -> list[float]:
    environment = {**os.environ, "HOLDFAST_DATA_DIR": str(place.directory)}
    line = [sys.executable, "-m", "bench.context", str(rounds)]
    process = await asyncio.create_subprocess_exec(*line, env=environment, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    taken: list[float] = json.loads(printed)
    return taken
