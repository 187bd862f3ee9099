"""Words of no language, spread as words of a language are: a few very common, most of them rare (Zipf's law)."""

from __future__ import annotations

import itertools
import random

WORDS = 40_000
_random = random.Random(5)


def word(rank: int) -> str:
    """The word of a rank, the most common first; always the same."""
    own = random.Random(rank)
    return "".join(own.choice("bcdfghjklmnprstvwz") + own.choice("aeiou") for _ in range(own.randint(1, 4)))


def texts() -> str:
    """One text of 5 to 70 words."""
    if not _words:
        _words.extend(word(rank) for rank in range(WORDS))
    return " ".join(_random.choices(_words, cum_weights=_WEIGHTS, k=_random.randint(5, 70)))


_words: list[str] = []
_WEIGHTS = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(WORDS)))
