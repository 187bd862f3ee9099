"""Does the timeline page stay quick? The page of a key with 5,000 sessions against one with 50.

Two servers on the same core, each over one conversation that was reset by the verbs until it has that many sessions. A signed-in
person opens the page over HTTP, by turns on both: the newest 50 moves, and on the large place also a page fifty pages back, which is
held against the newest of the small one. Wanted: p50 at most 1.5 times.
"""

from __future__ import annotations

import asyncio
import html
import http.client
import re
import time
from uuid import uuid4

from bench.cases.growth import alternated
from bench.ground import Ground, Place, Running
from bench.rows import TIMES, Row, at_most, milliseconds, quantile, times
from bench.wire import connected

BOUND = 1.5
SMALL, LARGE, SMOKE = 50, 5_000, 200
PAGES_BACK, SMOKE_BACK = 50, 2


class Reader:
    """A signed-in person on one place."""

    def __init__(self, port: int, link: str, key: str) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookie = ""
        self._newest = self._far = f"/chat/{key}/moves/"
        self._line.request("GET", link)
        answer = self._line.getresponse()
        answer.read()
        cookies = answer.headers.get_all("Set-Cookie") or []
        self._cookie = "; ".join(cookie.partition(";")[0] for cookie in cookies)

    def go_back(self, pages: int) -> None:
        """Find the page that many pages back."""
        for _ in range(pages):
            older = re.search(r'href="([^"]+)" rel="next"', self._get(self._far))
            assert older is not None, "the timeline ends too early"
            self._far = html.unescape(older.group(1))

    async def newest(self) -> float:
        """The newest moves."""
        return await asyncio.to_thread(self._timed, self._newest)

    async def far(self) -> float:
        """Moves of long ago; the newest again where nobody went back."""
        return await asyncio.to_thread(self._timed, self._far)

    def _timed(self, address: str) -> float:
        began = time.perf_counter()
        page = self._get(address)
        seconds = time.perf_counter() - began
        assert page.count('id="move-') == 50, "a page of another size"
        return seconds

    def _get(self, address: str) -> str:
        self._line.request("GET", address, headers={"Cookie": self._cookie})
        answer = self._line.getresponse()
        body = answer.read().decode()
        assert answer.status == 200, f"{answer.status} {address}"
        return body


async def run(ground: Ground) -> list[Row]:
    """Measure."""
    few, many = ground.fresh(), ground.fresh()
    count = ground.few(LARGE, SMOKE)
    with ground.serving(few) as small, ground.serving(many) as large:
        await _filled(small, few, SMALL)
        await _filled(large, many, count)  # takes a minute; a line that is idle so long would be closed
        readers = [_reader(ground, small, few), _reader(ground, large, many)]
        readers[1].go_back(ground.few(PAGES_BACK, SMOKE_BACK))
        found = await alternated(readers, ["newest", "far"], ground.few(90, 10))
    return [
        _row(f"timeline page, newest, {count:,} sessions", *found["newest"]),
        _row(f"timeline page, far back, {count:,} sessions", *found["far"]),
    ]


async def _filled(server: Running, place: Place, sessions: int) -> None:
    key = place.conversations[0]["sessionKey"]
    socket = await connected(server.port, place.token)
    for _ in range(sessions - 1):
        preview = await socket.call("sessions.reset.preview", sessionKey=key)
        params = {"sessionKey": key, "sessionId": preview["sessionId"], "confirmation": preview["token"]}
        await socket.call("sessions.reset", requestId=uuid4().hex, **params)


def _reader(ground: Ground, server: Running, place: Place) -> Reader:
    return Reader(server.port, ground.sign_in_path(place), place.conversations[0]["sessionKey"])


def _row(words: str, small: list[float], large: list[float]) -> Row:
    few, many = quantile(small, 0.5), quantile(large, 0.5)
    bound, met = at_most(many / few, BOUND, TIMES)
    note = f"p99 {milliseconds(quantile(large, 0.99))} against {milliseconds(quantile(small, 0.99))}"
    return Row(words, milliseconds(many), f"{SMALL} sessions {milliseconds(few)}", times(many / few), bound, met, note)
