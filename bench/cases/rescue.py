"""Rescue: how fast a store of the file era is scanned and adopted, in how much memory, and whether others can write meanwhile.

Each way goes through a store in a process of its own (`bench/rescuing.py`). Scanning is compared, in processor time and in turns, with
`json.loads` over the same lines: wanted at least half its speed. Adopting is all of it, reading and planning too: wanted 15,000 lines a second
with the gateway serving beside, whose acks (one client, one after the other) may take at most 5 times as long as idle at p99; faster without. Many
short sessions are compared with the 70 s that the vendor's own importer states for 151,000 events. Memory: below 250 MiB. The number of
lines is 100,000; HOLDFAST_BENCH_LINES=1000000 measures the promise itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from bench.ground import ROOT, Ground, Place
from bench.rows import TIMES, Row, at_least, at_most, median, milliseconds, quantile, spread, thousands, times
from bench.sends import frames
from bench.stores import store_made
from bench.wire import connected

SCAN_BOUND = 0.5
ADOPT_BOUND = 15_000
ACK_BOUND = 5.0
MEMORY_BOUND_MIB = 250
VENDOR_SECONDS = 70.0
VENDOR_BOUND = 5.0
SESSIONS, EACH = 10_000, 15
IDLE_ACKS = 1000

Took = dict[str, Any]


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    lines = int(os.environ.get("HOLDFAST_BENCH_LINES") or ground.few(100_000, 4000))
    long, many = ground.base / "long", ground.base / "many"
    store_made(long, max(1, lines // 5000), min(lines, 5000))
    store_made(many, ground.few(SESSIONS, 100), EACH)
    return [*await _scans(ground, long), *await _adopts(ground, long), *await _many(ground, many)]


async def _scans(ground: Ground, store: Path) -> list[Row]:
    ratios, speeds, floors, peak = [], [], [], 0.0
    for _ in range(ground.few(3, 1)):
        floor, scan = await _took("loads", store), await _took("scan", store)
        floors.append(floor["lines"] / floor["cpu"])
        speeds.append(scan["lines"] / scan["cpu"])
        ratios.append(speeds[-1] / floors[-1])
        peak = max(peak, scan["mib"])
    bound, met = at_least(median(ratios), SCAN_BOUND, TIMES)
    memory, holds = at_most(peak, MEMORY_BOUND_MIB, " MiB")
    return [
        Row(
            "`rescue scan`, long transcripts, lines in a second of processor time",
            thousands(median(speeds)),
            f"json.loads {thousands(median(floors))}",
            times(median(ratios)),
            bound,
            met,
            spread(ratios),
        ),
        Row("peak memory of that scan", f"{peak:.0f} MiB", bound=memory, met=holds),
    ]


async def _adopts(ground: Ground, store: Path) -> list[Row]:
    alone = await _took("adopt", store, ground.fresh(1))
    place = ground.fresh(400)
    with ground.serving(place) as server:
        client, nexts = await connected(server.port, place.token), frames(place.conversations)
        idle = [(await client.ask(next(nexts)))[1] for _ in range(ground.few(IDLE_ACKS, 50))]
        work = asyncio.create_task(_took("adopt", store, place))
        busy = []
        while not work.done():
            busy.append((await client.ask(next(nexts)))[1])
            await asyncio.sleep(0.002)
        beside = await work
    ratio = quantile(busy, 0.99) / quantile(idle, 0.99)
    speed, is_fast = at_least(_speed(beside), ADOPT_BOUND, "/s")
    alone_bound, alone_met = at_least(_speed(alone), ADOPT_BOUND, "/s")
    ack, is_short = at_most(ratio, ACK_BOUND, TIMES)
    memory, holds = at_most(max(alone["mib"], beside["mib"]), MEMORY_BOUND_MIB, " MiB")
    lines = thousands(alone["lines"])
    return [
        Row(
            f"`rescue adopt` of {lines} lines",
            f"{thousands(_speed(alone))}/s",
            bound=alone_bound,
            met=alone_met,
            note=_note(alone),
        ),
        Row(
            "the same with the gateway serving beside",
            f"{thousands(_speed(beside))}/s",
            bound=speed,
            met=is_fast,
            note=_note(beside),
        ),
        Row(
            "ack of `chat.send` meanwhile, p99",
            milliseconds(quantile(busy, 0.99)),
            f"idle {milliseconds(quantile(idle, 0.99))}",
            times(ratio),
            ack,
            is_short,
            f"p50 {milliseconds(quantile(busy, 0.5))}, idle {milliseconds(quantile(idle, 0.5))}; {len(busy):,} acks",
        ),
        Row(
            "peak memory of the adopting process",
            f"{max(alone['mib'], beside['mib']):.0f} MiB",
            bound=memory,
            met=holds,
        ),
    ]


async def _many(ground: Ground, store: Path) -> list[Row]:
    took = await _took("adopt", store, ground.fresh(1))
    ratio = VENDOR_SECONDS / took["wall"]
    bound, met = at_least(ratio, VENDOR_BOUND, TIMES)
    memory, holds = at_most(took["mib"], MEMORY_BOUND_MIB, " MiB")
    what = f"`rescue adopt` of {ground.few(SESSIONS, 100):,} sessions with {EACH} messages each"
    vendor = "" if ground.quick else f"vendor {VENDOR_SECONDS:.0f} s"
    return [
        Row(what, f"{took['wall']:.1f} s", vendor, times(ratio), bound, None if ground.quick else met, _note(took)),
        Row("peak memory of that", f"{took['mib']:.0f} MiB", bound=memory, met=holds),
    ]


def _speed(took: Took) -> float:
    return float(took["lines"] / took["wall"])


def _note(took: Took) -> str:
    return f"{took['cpu'] / took['wall']:.0%} of one core; {thousands(took['lines'] / took['cpu'])} lines in a second of processor time"


async def _took(way: str, store: Path, place: Place | None = None) -> Took:
    """One way through a store, in a process that may use both cores."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "DATABASE_URL"))
    }
    if place is not None:
        environment["HOLDFAST_DATA_DIR"] = str(place.directory)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.rescuing",
        way,
        str(store),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"bench.rescuing {way} ended with {process.returncode}")
    found: Took = json.loads(said)
    return found
