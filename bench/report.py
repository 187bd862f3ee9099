"""The table: on the terminal, and in docs/benchmarks.md between two marks. What stands outside the marks is written by people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bench.rows import Row

PATH = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- measured: begin (make bench writes here) -->", "<!-- measured: end -->"
_HEADINGS = ("what", "measured", "against", "ratio", "wanted", "met")


def cells(row: Row) -> tuple[str, ...]:
    """The columns of a row."""
    met = "" if row.met is None else "yes" if row.met else "NO"
    return (row.what, row.measured, row.against, row.ratio, row.bound, met)


def terminal(rows: Iterable[Row]) -> str:
    """The rows for a terminal, each with its note below."""
    lines = []
    for row in rows:
        what, measured, against, ratio, bound, met = cells(row)
        lines.append(f"{what.replace('`', '')}")
        lines.append(f"    {measured:14} {against:22} {ratio:10} {bound:22} {met}".rstrip())
        if row.note:
            lines.append(f"    {row.note}")
    return "\n".join(lines)


def markdown(facts: dict[str, str], rows: list[Row]) -> str:
    """The measured part of the page."""
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    lines += ["", "| " + " | ".join(_HEADINGS) + " |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    notes = [f"- {row.what}: {row.note}" for row in rows if row.note]
    return "\n".join([*lines, "", "Beside the table:", "", *notes])


def written(facts: dict[str, str], rows: list[Row]) -> Path:
    """Put the measured part into the page, which is made when it is missing.

    Returns:
        Where it is.
    """
    page = PATH.read_text(encoding="utf-8") if PATH.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    part = f"{BEGIN}\n\n{markdown(facts, rows)}\n\n{END}"
    PATH.write_text(
        re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: part, page, flags=re.DOTALL), encoding="utf-8"
    )
    return PATH
