from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sessions_app.agents.text_mender import TextMender


def mended(*pieces: str) -> str:
    mender = TextMender()
    return "".join(map(mender.feed, pieces)) + mender.rest()


def test_a_pair_split_between_pieces_becomes_its_character() -> None:
    assert mended("smile \ud83d", "\ude00!") == "smile 😀!"


def test_half_a_pair_and_a_nul_become_replacement_characters() -> None:
    assert mended("a\udc00b\0c\ud83d") == "a�b�c�"
    assert mended("\ud83d", "x") == "�x"


@given(st.lists(st.text(max_size=5)))
def test_good_text_is_left_alone(pieces: list[str]) -> None:
    text = "".join(pieces).replace("\0", "")
    assert mended(*(piece.replace("\0", "") for piece in pieces)) == text


@given(st.lists(st.text(alphabet=st.characters(categories=["L", "Cs", "Cc"]), max_size=5)))
def test_whatever_comes_each_piece_can_be_stored(pieces: list[str]) -> None:
    mender = TextMender()
    for piece in [*map(mender.feed, pieces), mender.rest()]:
        piece.encode("utf-8")
        assert "\0" not in piece
