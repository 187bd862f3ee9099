"""Rows as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> str:
    """Columns set under their heads, as wide as they need; numbers to the right.

    Args:
        columns: the heads.
        rows: one cell for each column.
        empty: what to say when there is no row.
    """
    if not rows:
        return empty
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(len(column), *(len(row[n]) for row in cells)) for n, column in enumerate(columns)]
    right = [all(isinstance(row[n], int) for row in rows) for n in range(len(columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if r else cell.ljust(width) for cell, width, r in zip(line, widths, right, strict=True)
        )
        for line in [list(columns), *cells]
    ]
    return "\n".join(line.rstrip() for line in lines)


def counted(number: int, noun: str) -> str:
    """`1 message`, `1,004 messages`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def facts(pairs: Sequence[tuple[str, Any]]) -> str:
    """Names and values under one another."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(
        f"{name.ljust(width)}  {value:,}" if isinstance(value, int) else f"{name.ljust(width)}  {value}"
        for name, value in pairs
    )
