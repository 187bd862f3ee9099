"""Which pages may open the socket."""

from __future__ import annotations

import pytest

from sessions_app.gateway.origin import origin_is_ours
from tests.gateway.conftest import HOST, Socket

OURS = [
    ("http://127.0.0.1:8765", "127.0.0.1:8765"),
    ("http://localhost:8765", "localhost:8765"),
    ("https://localhost", "localhost"),
    ("http://[::1]:8765", "[::1]:8765"),
    ("http://LOCALHOST:8765", "localhost:8765"),
]
FOREIGN = [
    ("http://evil.example", "127.0.0.1:8765"),
    ("http://127.0.0.1:8766", "127.0.0.1:8765"),
    ("http://127.0.0.1", "127.0.0.1:8765"),
    ("http://localhost:8765", "127.0.0.1:8765"),
    ("http://evil.example:8765", "evil.example:8765"),  # a name that was bent to point here
    ("null", "127.0.0.1:8765"),
    ("file://", ""),
    ("http://", ""),
    ("ftp://127.0.0.1:8765", "127.0.0.1:8765"),
    ("http://127.0.0.1:8765.evil.example", "127.0.0.1:8765"),
    ("http://evil.example@127.0.0.1:8765", "127.0.0.1:8765"),
    ("http://127.0.0.1:8765", ""),
    ("http://[bad", "[bad"),
    ("http://127.0.0.1:port", "127.0.0.1:port"),
]


@pytest.mark.parametrize(("origin", "host"), OURS)
def test_our_own_pages_may(origin, host):
    assert origin_is_ours(origin, host)


@pytest.mark.parametrize(("origin", "host"), FOREIGN)
def test_foreign_pages_may_not(origin, host):
    assert not origin_is_ours(origin, host)


def test_a_trusted_origin_may_whatever_the_host(settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://chat.example.org"]
    assert origin_is_ours("https://chat.example.org", "127.0.0.1:8765")
    assert not origin_is_ours("http://chat.example.org", "127.0.0.1:8765")


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", ["http://evil.example", "null", f"http://{HOST}.evil.example", "http://[bad"])
async def test_a_foreign_page_is_refused_before_it_is_a_socket(process, cookie, origin):
    socket = Socket({**cookie, "origin": origin})
    assert await socket.open() == (False, 4403)
    assert process.hub.open_sockets == 0


@pytest.mark.asyncio
@pytest.mark.django_db(transaction=True)
async def test_a_cookie_without_an_origin_is_no_sign_in(open_socket, cookie):
    socket = await open_socket(cookie=cookie["cookie"])
    error = await socket.error("connect", {})
    assert error["code"] == "unauthenticated"
