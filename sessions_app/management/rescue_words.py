"""The report of a scan or an adoption as text for a person; `--json` prints all of it."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from sessions_app.management.tables import facts, table
from sessions_app.rescue.findings import SEVERITY
from sessions_app.values import Json

FILES_SHOWN, SESSIONS_SHOWN = 200, 1000
PLACES_SHOWN = 10
_SUMS = ("lines", "adopted", "duplicate", "unreadable", "refused")
_MARKS = ("!!", "! ", "  ")  # by severity


def report_words(report: Json, done: str) -> str:
    """Directory, sums, sessions, findings and files.

    Args:
        report: from `rescue.report.report_json`.
        done: what the lines are called that are, or would be, adopted.
    """
    totals = report["totals"]
    parts = [
        facts([("Directory", report["root"]), ("Files", totals["files"]), ("Bytes", totals["bytes"])]),
        facts([(done if name == "adopted" else name, totals[name]) for name in _SUMS]),
        _sessions(report["keys"]),
        _findings(report["findings"]),
        _files(report["files"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _sessions(groups: Iterable[Json]) -> str:
    rows: list[tuple[Any, ...]] = []
    more = 0
    for group in groups:
        for n, row in enumerate(group["sessions"]):
            if len(rows) == SESSIONS_SHOWN:
                more += 1
                continue
            ended = (row["endedAt"] or "")[:19].replace("T", " ")
            mark, why = "*" if row["isCurrent"] else "", row["endReason"] or ""
            rows.append(
                ("" if n else group["sessionKey"], mark, row["sessionId"], row["kind"], row["lines"], ended, why)
            )
    heads = ("KEY", "", "SESSION (* current)", "FROM", "LINES", "ENDED (UTC)", "WHY")
    return table(heads, rows, empty="No sessions were found.") + _more(more)


def _findings(findings: Iterable[Json]) -> str:
    """What is wrong, the worst first: each once, with the places where it was met."""
    counts, shown = Counter[str](), defaultdict[str, list[Json]](list)
    for row in findings:
        counts[row["code"]] += 1
        if counts[row["code"]] <= PLACES_SHOWN:
            shown[row["code"]].append(row)
    lines = []
    for code, rows in sorted(shown.items(), key=lambda item: SEVERITY[item[0]]):
        lines.append(f"{_MARKS[SEVERITY[code]]} {code} ({counts[code]:,}): {rows[0]['words']}")
        for row in rows:
            where = row.get("path") or row.get("sessionKey") or row.get("sessionId") or ""
            lines.append("     " + ": ".join(word for word in (where, row.get("detail")) if word))
        if counts[code] > PLACES_SHOWN:
            lines.append(f"     and {counts[code] - PLACES_SHOWN:,} more; --json lists them")
    return "\n".join(lines) or "Nothing is wrong with it."


def _files(files: Iterable[Json]) -> str:
    with_lines = (row for row in files if "accounts" in row)
    some = itertools.islice(with_lines, FILES_SHOWN)
    rows = [(row["path"], row["kind"], *(row["accounts"][name] for name in _SUMS)) for row in some]
    words = table(("FILE", "KIND", *(name.upper() for name in _SUMS)), rows, empty="")
    return words + _more(sum(1 for _ in with_lines))


def _more(number: int) -> str:
    return f"\nand {number:,} more; --json lists them" if number else ""
