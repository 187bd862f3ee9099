"""A listening host and port, as a browser on this machine writes them."""

from __future__ import annotations

import pytest

from sessions_app.management.addresses import base_url, sign_in_url
from sessions_app.management.tables import facts, table


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8765"),
        ("localhost", "http://localhost:8765"),
        ("0.0.0.0", "http://127.0.0.1:8765"),
        ("::", "http://[::1]:8765"),
        ("::1", "http://[::1]:8765"),
    ],
)
def test_a_host_becomes_an_address_a_browser_can_open(host, url):
    assert base_url(host, 8765) == url


def test_a_link_has_no_double_slash():
    assert sign_in_url("abc", base="https://chat.example/") == "https://chat.example/signin/link/abc"


def test_numbers_stand_at_the_right_and_text_at_the_left():
    assert table(("A", "N"), [("long", 1), ("s", 1000)], empty="") == "A         N\nlong      1\ns     1,000"
    assert table(("A",), [], empty="Nothing here.") == "Nothing here."
    assert facts([("Entries", 1234), ("Id", "x")]) == "Entries  1,234\nId       x"
