"""Does search stay quick? One page of hits over 1,000,000 entries against 10,000, filtered or not.

Two servers on the same core, each over 100 conversations of texts whose words are spread as those of a language; both indexes are made
before. The same questions go to both in turn, over the socket: common, usual and rare words, several at once, phrases and beginnings,
and each of them within one conversation, of one role, of the older half of the time. Wanted: p95 at most 4 times.
"""

from __future__ import annotations

import datetime
import random

from bench.cases.growth import alternated
from bench.ground import Ground, Place
from bench.rows import TIMES, Row, at_most, milliseconds, quantile, times
from bench.wire import Json, Socket, connected
from bench.words import word

BOUND = 4
CONVERSATIONS = 100
SMALL, LARGE, SMOKE = 10_000, 1_000_000, 20_000


class Searcher:
    """One client of one place; clients of one seed ask the same questions."""

    def __init__(self, socket: Socket, place: Place, middle: str) -> None:
        self.socket, self.place, self.middle = socket, place, middle
        self._random = random.Random(7)

    async def plain(self) -> float:
        """A question without a filter."""
        return await self._asked()

    async def filtered(self) -> float:
        """A question with a filter."""
        choice = self._random.randrange(3)
        key = self.place.conversations[self._random.randrange(CONVERSATIONS)]["sessionKey"]
        filters: list[Json] = [{"sessionKey": key}, {"role": "assistant"}, {"before": self.middle}]
        return await self._asked(**filters[choice])

    async def ranked(self) -> float:
        """The best of the newest."""
        return await self._asked(order="rank")

    async def _asked(self, **filters: str) -> float:
        _, seconds = await self.socket.timed("search.query", query=self._query(), **filters)
        return seconds

    def _query(self) -> str:
        common, usual, rare = (word(self._random.randint(*ranks)) for ranks in ((0, 30), (50, 500), (5_000, 39_999)))
        questions = [
            common,
            usual,
            rare,
            f"{common} {usual}",
            f"{usual} {rare}",
            f'"{common} {usual}"',
            f"{usual[:4]}*",
        ]
        return self._random.choice(questions)


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    sizes = (SMALL, SMOKE if ground.quick else LARGE)
    places = [ground.place(CONVERSATIONS, size // CONVERSATIONS, size // CONVERSATIONS, words=True) for size in sizes]
    with ground.serving(places[0]) as few, ground.serving(places[1]) as much:
        pair = []
        for served, place, size in zip((few, much), places, sizes, strict=True):
            # the entries of a conversation lie a second apart, up to now
            half = datetime.timedelta(seconds=size // CONVERSATIONS / 2)
            middle = (datetime.datetime.now(datetime.UTC) - half).isoformat()
            pair.append(Searcher(await connected(served.port, place.token), place, middle))
        names = {"plain": "a page of hits", "filtered": "a page of hits, filtered", "ranked": "by rank"}
        taken = await alternated(pair, list(names), ground.few(200, 10))
    return [_row(words, *taken[name], sizes[1]) for name, words in names.items()]


def _row(words: str, small: list[float], large: list[float], entries: int) -> Row:
    few, much = quantile(small, 0.95), quantile(large, 0.95)
    bound, met = at_most(much / few, BOUND, TIMES)
    return Row(
        f"search: {words}, {entries:,} entries, p95",
        milliseconds(much),
        f"{SMALL:,} entries {milliseconds(few)}",
        times(much / few),
        bound,
        met,
        f"p50 {milliseconds(quantile(large, 0.5))} against {milliseconds(quantile(small, 0.5))}",
    )
