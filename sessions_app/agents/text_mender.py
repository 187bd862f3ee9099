"""Makes a model's text storable while it streams.

A token can end in the middle of a character, and some servers then send half of a surrogate pair, or a NUL. Neither database
takes those (law: text is stored as it is, or refused), and an answer cannot be refused once it was shown.
"""

from __future__ import annotations

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class TextMender:
    """Joins surrogate pairs that were split between pieces and replaces what stays broken."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """The storable part of what came so far; half a pair at the end waits for the next piece."""
        text, self._held = self._held + piece, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return _storable(text)

    def rest(self) -> str:
        """What still waited when the stream ended."""
        text, self._held = self._held, ""
        return _storable(text)


def _storable(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
