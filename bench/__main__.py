"""`python -m bench [NAME...] [--quick]`: measure, print the table, and write it to docs/benchmarks.md when all of it was measured."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from bench import machine, report
from bench.cases import CASES
from bench.ground import ground
from bench.rows import Row


def main() -> int:
    """Run the cases.

    Returns:
        0; missed bounds are told, not punished: a shared machine is no judge.
    """
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a smoke run with small numbers; nothing is written")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in CASES]
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(CASES)}")
    rows: list[Row] = []
    with ground(quick=asked.quick) as place:
        facts = machine.facts(place.base)
        print("\n".join(f"{name}: {value}" for name, value in facts.items()), flush=True)
        for name in asked.names or CASES:
            began = time.perf_counter()
            found = asyncio.run(CASES[name](place))
            print(f"\n{name} ({time.perf_counter() - began:.0f} s)\n{report.terminal(found)}", flush=True)
            rows += found
    if not asked.names and not asked.quick:
        print(f"\nWritten to {report.written(facts, rows)}")
    missed = [row.what for row in rows if row.met is False]
    print(f"\nMissed: {'; '.join(missed)}" if missed else "\nEvery bound holds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
