"""How fast sessions leave: an export of 100,000 entries against reading and hashing the same rows, in turns, in one process.

The export proves the hash chain of every session on the way, writes canonical JSON lines, packs them with zstd, seals and flushes the file.
The floor reads every column of the same rows and hashes it, nothing else. Wanted: at least 0.3 times its speed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from bench.ground import Ground
from bench.rows import TIMES, Row, at_least, median, times

BOUND = 0.3
ENTRIES, SMOKE = 100_000, 2_000


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    count = SMOKE if ground.quick else ENTRIES
    place = ground.fresh(1, count)
    line = [sys.executable, "-m", "bench.exporting", str(ground.few(5, 2))]
    environment = {**os.environ, "HOLDFAST_DATA_DIR": str(place.directory)}
    process = await asyncio.create_subprocess_exec(*line, env=environment, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    taken = json.loads(printed)
    floor, export = median(taken["floors"]), median(taken["exports"])
    bound, met = at_least(floor / export, BOUND, TIMES)
    words = f"export of {count:,} entries, entries a second"
    note = f"processor time; {taken['bytes'] / 1e6:.1f} MB packed"
    return [
        Row(
            words,
            f"{count / export:,.0f}/s",
            f"read and hashed {count / floor:,.0f}/s",
            times(floor / export),
            bound,
            met,
            note,
        )
    ]
