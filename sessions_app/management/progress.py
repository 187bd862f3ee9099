"""How far long work is: a bar on a terminal, nothing anywhere else."""

from __future__ import annotations

import time
from typing import TextIO

_WIDTH = 30
_EACH_SECONDS = 0.1


class Bar:
    """Draws over itself; `clear` takes it away before other words are printed."""

    def __init__(self, stream: TextIO, words: str) -> None:
        self._stream, self._words = stream, words
        self._is_shown = stream.isatty()
        self._drawn_at = -1e9

    def __call__(self, done: int, total: int) -> None:
        """Say how far it is; ten times a second are enough."""
        now = time.monotonic()
        if not self._is_shown or (now - self._drawn_at < _EACH_SECONDS and done < total):
            return
        self._drawn_at = now
        part = min(done / total, 1.0) if total else 1.0
        bar = "█" * int(part * _WIDTH)
        self._stream.write(f"\r{self._words} {bar:░<{_WIDTH}} {part:4.0%}")
        self._stream.flush()

    def clear(self) -> None:
        """Take it away."""
        if self._is_shown and self._drawn_at > 0:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
