"""How text becomes the words of the search index, and what a person types becomes a query. The same on every engine.

Letters are compared without case, accents and width (NFKC). Scripts that are written without spaces are cut into pairs of neighbours,
so that any two characters of them are found, and single ones by a mark of their own; every other run of letters and digits is one word. All that is
left of a text is letters, digits and pictures, so no query can mean anything to an engine but the words in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

WORD_MAX_CHARS = 64  # of a longer word only its beginning is compared
INDEXED_MAX_CHARS = 262_144  # of one entry; a message is never longer
QUERY_MAX_CHARS = 1_000
QUERY_MAX_WORDS = 32
PREFIX_MIN_CHARS = 3  # of a beginning, in scripts with spaces

# Thai, Lao, Myanmar, Khmer, kana, bopomofo, Han, Hangul, half-width kana
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3100-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_PICTURES = "\u2600-\u27bf\U0001f000-\U0001faff"
_ASCII_WORDS = re.compile(r"[A-Za-z0-9]+")
_WORDS = re.compile(rf"(?P<dense>[{_DENSE}]+)|(?P<picture>[{_PICTURES}])|(?:[^\W_{_DENSE}]|[\u0300-\u036f])+")
_ACCENTS = re.compile(r"[\u0300-\u036f]")
_NO_LETTERS = re.compile(r"[\W_]")
_PIECES = re.compile(r'"([^"]*)(?:"|$)|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text, as it is compared, and where it stands."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must follow one another; with `is_prefix` the last is the beginning of a word."""

    words: tuple[str, ...]
    is_prefix: bool = False

    @property
    def mark(self) -> str:
        """The mark of a single character of a script without spaces; "" for every other term."""
        single = self.is_prefix and len(self.words) == 1 and len(self.words[0]) == 1
        return f".c{self.words[0]}" if single else ""

    def is_in(self, words: Sequence[Word]) -> bool:
        """Whether this term stands anywhere in a text's words."""
        return any(self.stands_at(words, at) for at in range(len(words) - len(self.words) + 1))

    def stands_at(self, words: Sequence[Word], at: int) -> bool:
        """Whether this term stands at one place; there must be words enough."""
        last = len(self.words) - 1
        return all(words[at + n].text == self.words[n] for n in range(last)) and self.ends(words[at + last].text)

    def ends(self, word: str) -> bool:
        """Whether a word is the last of this term, or begins as it does."""
        return word.startswith(self.words[-1]) if self.is_prefix else word == self.words[-1]


def word_texts(text: str) -> list[str]:
    """What the words of a text are, without their places: most text is ASCII, and that is fast."""
    if text.isascii():
        return [word[:WORD_MAX_CHARS] for word in _ASCII_WORDS.findall(text.lower())]
    return [word.text for word in words_of(text)]


def words_of(text: str) -> Iterator[Word]:
    """The words of a text, in order."""
    if text.isascii():
        for match in _ASCII_WORDS.finditer(text):
            yield Word(match[0][:WORD_MAX_CHARS].lower(), *match.span())
        return
    for match in _WORDS.finditer(text):
        start, end = match.span()
        if match["dense"] is not None:
            yield from _neighbours(match[0], start)
        elif match["picture"] is not None:
            yield Word(match[0], start, end)
        elif word := _folded(match[0])[:WORD_MAX_CHARS]:
            yield Word(word, start, end)


def single_marks(words: Sequence[str]) -> list[str]:
    """Marks of the single characters that a text holds in scripts without spaces: `.c京`."""
    found = {char for word in words if not word.isascii() and _is_dense(word) for char in word}
    return sorted(f".c{char}" for char in found)


def query_parsed(query: str) -> list[Term]:
    """What a person typed: words, "phrases in quotes", and beginnings with a star. Nothing in it is an operator, nothing an error.

    A word that holds several, as `agent:main:main`, is a phrase of them. An entry is found when it holds all terms.
    """
    terms: list[Term] = []
    count = 0
    for match in _PIECES.finditer(query[:QUERY_MAX_CHARS]):
        piece = match[1] if match[1] is not None else match[2]
        words = [word.text for word in words_of(piece)][: QUERY_MAX_WORDS - count]
        if not words:
            continue
        count += len(words)
        terms.append(_term(words, is_prefix=piece.rstrip().endswith("*")))
    return terms


def found_all(terms: Sequence[Term], words: Sequence[Word]) -> bool:
    """Whether a text holds all terms."""
    return all(term.is_in(words) for term in terms)


def _term(words: list[str], *, is_prefix: bool) -> Term:
    """A term; a run without spaces may go on in the text where it ends in the query."""
    if len(words[-1]) == 1 and _is_dense(words[-1]):
        if len(words) > 1 and len(words[-2]) == 2 and _is_dense(words[-2]):
            return Term(tuple(words[:-1]))
        return Term(tuple(words), is_prefix=True)
    return Term(tuple(words), is_prefix=is_prefix and len(words[-1]) >= PREFIX_MIN_CHARS)


def _neighbours(run: str, start: int) -> Iterator[Word]:
    """A run without spaces as pairs, its last character alone at the end."""
    folded = unicodedata.normalize("NFKC", run)
    is_even = len(folded) == len(run)
    for n, (one, two) in enumerate(pairwise(folded)):
        yield Word(one + two, start + n if is_even else start, start + n + 2 if is_even else start + len(run))
    yield Word(folded[-1], start + len(run) - 1 if is_even else start, start + len(run))


def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", word.casefold()))
    return _NO_LETTERS.sub("", unicodedata.normalize("NFKC", plain).casefold())


def _is_dense(word: str) -> bool:
    return re.fullmatch(rf"[{_DENSE}]+", word) is not None
