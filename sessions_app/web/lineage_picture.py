"""The picture of a session's family: where each dot stands and each line runs. The template draws it as SVG."""

from __future__ import annotations

from dataclasses import dataclass

from sessions_app.values import Json

ROW = 44
STEP = 18
LEFT = 10
TOP = 16
WIDTH = 320


@dataclass(frozen=True, slots=True)
class Dot:
    """One session in the picture; `line` leads to it from the one it came from."""

    member: Json
    x: int
    y: int
    line: str

    @property
    def text_x(self) -> int:
        """Where its words begin."""
        return self.x + 14

    @property
    def note_y(self) -> int:
        """Where its second line of words stands."""
        return self.y + 16


def lineage_picture(family: Json) -> Json:
    """Lay a family out: one row each, a child one step to the right of its parent.

    Args:
        family: of `selectors.family.session_family`.

    Returns:
        {dots: [Dot], width, height, moreAncestors, moreBranches}, lengths in the units of the picture; None as dots of one alone.
    """
    places: dict[str, tuple[int, int]] = {}
    dots = []
    for number, member in enumerate(family["members"]):
        above = places.get(member["parentSessionId"] or "")
        x, y = (above[0] + STEP if above else LEFT), TOP + number * ROW
        line = f"M{above[0]} {above[1] + 5}V{y - 8}q0 8 8 8H{x - 5}" if above else ""
        places[member["sessionId"]] = (x, y)
        dots.append(Dot(member, x, y, line))
    height = TOP + len(dots) * ROW - 8
    return {"dots": dots, "width": WIDTH, "height": height, **{k: family[k] for k in ("moreAncestors", "moreBranches")}}
