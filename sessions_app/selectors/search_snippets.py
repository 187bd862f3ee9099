"""What is shown of a hit, and how well it fits: from the words of its text alone, so that both engines say the same."""

from __future__ import annotations

from collections.abc import Sequence

from sessions_app.values import Json
from sessions_app.values.analysis import Term, Word

_BEFORE_CHARS, _AFTER_CHARS = 60, 160
_USUAL_WORDS = 100


def snippet(text: str, words: Sequence[Word], terms: Sequence[Term]) -> list[Json]:
    """A piece of a text around its first match, in parts: [{text, isMatch}]. Line ends become spaces."""
    spots = _spots(words, terms)
    first = min((start for start, _ in spots), default=0)
    begin = _edge(words, max(first - _BEFORE_CHARS, 0))
    end = min(first + _AFTER_CHARS, len(text))
    parts: list[Json] = [{"text": "…", "isMatch": False}] if begin > 0 else []
    at = begin
    for start, stop in spots:
        if start < at or start >= end:
            continue
        parts += [{"text": text[at:start], "isMatch": False}, {"text": text[start : min(stop, end)], "isMatch": True}]
        at = min(stop, end)
    parts.append({"text": text[at:end] + ("…" if end < len(text) else ""), "isMatch": False})
    spaced = [{**part, "text": _one_line(part["text"])} for part in parts]
    return [part for part in spaced if part["text"]]


def rank_of(terms: Sequence[Term], words: Sequence[Word]) -> float:
    """How well a text fits: how often it holds the words, in view of its length (the saturation of BM25)."""
    length = 0.25 + 0.75 * len(words) / _USUAL_WORDS
    counts = [sum(1 for word in words if word.text in term.words or term.ends(word.text)) for term in terms]
    return sum(count / (count + 1.2 * length) for count in counts)


def _spots(words: Sequence[Word], terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Where the terms stand, in order, each place once; what runs into one another is one."""
    found: list[tuple[int, int]] = []
    for term in terms:
        size = len(term.words)
        places = [at for at in range(len(words) - size + 1) if term.stands_at(words, at)]
        found += [(words[at].start, words[at + size - 1].end) for at in places]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _edge(words: Sequence[Word], at: int) -> int:
    """The beginning of the first word from a position on; 0 stays 0."""
    return next((word.start for word in words if word.start >= at), at) if at else 0


def _one_line(text: str) -> str:
    return "".join(" " if char in "\r\n\t\x0b\x0c\u2028\u2029" else char for char in text)
