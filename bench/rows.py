"""What a case hands back, and the little arithmetic all cases share."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

TIMES = " \N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        measured: the number, with its unit.
        against: the floor or the comparison of the same run, with its unit.
        ratio: how they compare, as the bound speaks of it.
        bound: the wanted bound; "" for a number that is only told.
        met: whether it holds; None without a bound.
        note: what one should know to read it, e.g. how busy the client was.
    """

    what: str
    measured: str
    against: str = ""
    ratio: str = ""
    bound: str = ""
    met: bool | None = None
    note: str = ""


def at_most(value: float, bound: float, unit: str = "") -> tuple[str, bool]:
    """The words and the verdict of an upper bound."""
    return f"≤ {bound:g}{unit}", value <= bound


def at_least(value: float, bound: float, unit: str = "") -> tuple[str, bool]:
    """The words and the verdict of a lower bound."""
    return f"≥ {bound:g}{unit}", value >= bound


def times(ratio: float, digits: int = 2) -> str:
    """A ratio in words."""
    return f"{ratio:.{digits}f}{TIMES}"


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which `part` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """Lowest and highest, to judge a median by."""
    return f"{min(values):.2f} to {max(values):.2f} over {len(values)} rounds"


def milliseconds(seconds: float) -> str:
    """A duration in words."""
    return f"{seconds * 1e3:.3g} ms"


def thousands(number: float) -> str:
    """A count in words."""
    return f"{number:,.0f}"
