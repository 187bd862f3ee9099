"""`python -m bench.rescuing loads|scan|adopt PATH`: one way through a store, in a process of its own; prints what it took as JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path


def loads(path: str) -> int:
    """`json.loads` over every line, nothing else: the floor."""
    lines = 0
    for file in Path(path).rglob("*.jsonl"):
        with file.open("rb") as stream:
            for line in stream:
                json.loads(line)
                lines += 1
    return lines


def scan(path: str) -> int:
    """Read, plan and report, as `rescue scan` does."""
    from sessions_app.rescue.plan import planned
    from sessions_app.rescue.points import points_of
    from sessions_app.rescue.report import duplicates_noted, report_json
    from sessions_app.rescue.scan import store_read

    with store_read(path) as store:
        plan = planned(store)
        duplicates_noted(plan)
        return int(report_json(plan, points_of(plan))["totals"]["lines"])


def adopt(path: str) -> int:
    """All of `rescue adopt`: read, plan, write."""
    from sessions_app.management.base import acting
    from sessions_app.rescue.scan import store_read
    from sessions_app.runtime.adoption import Wish
    from sessions_app.runtime.adoption import adopt as adopted

    actor = acting({})
    assert actor.user_id is not None
    with store_read(path) as store:
        return int(adopted(store, actor, Wish(actor.user_id))["totals"]["adopted"])


def main() -> None:
    """Do one of them."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlui.settings")
    django.setup()
    way = {"loads": loads, "scan": scan, "adopt": adopt}[sys.argv[1]]
    wall, processor = time.perf_counter(), time.process_time()
    lines = way(sys.argv[2])
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - processor}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"lines": lines, "mib": peak, **took}))


if __name__ == "__main__":
    main()
