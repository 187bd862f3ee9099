"""Long lists of a report lie in the ledger and come out as the same JSON."""

from __future__ import annotations

import json

import pytest

from sessions_app.rescue.ledger import Ledger
from sessions_app.rescue.listed import Listed, json_pieces, report_whole

ROWS = [{"path": "a\nb\udcff ä", "accounts": {"lines": n, "at": [n, {"deep": []}]}} for n in range(5)]


@pytest.fixture
def ledger():
    with Ledger() as made:
        yield made


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("rows", [[], ROWS])
def test_it_is_written_as_a_plain_list_would_be(ledger, indent, rows):
    document = {"root": "x", "keys": Listed(ledger, ROWS[:2]), "files": Listed(ledger, iter(rows)), "sums": {"a": [1]}}
    assert "".join(json_pieces(document, indent=indent)) == json.dumps(report_whole(document), indent=indent)


def test_several_lists_stand_beside_each_other(ledger):
    first, second = Listed(ledger, ROWS[:2]), Listed(ledger, ROWS[2:])
    assert (list(first), list(second)) == (ROWS[:2], ROWS[2:])
    assert (len(second), second[0], second[-1], second[1:]) == (3, ROWS[2], ROWS[4], ROWS[3:])
    with pytest.raises(IndexError):
        first[2]


def test_anything_else_is_written_as_ever():
    assert "".join(json_pieces([1, {"a": None}])) == '[1, {"a": null}]'
