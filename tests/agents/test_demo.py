from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from sessions_app.agents.base import ContextMessage
from sessions_app.agents.demo import QUOTE_MAX_CHARS, DemoAgent, demo_summary, demo_text, quote
from sessions_app.values import Role
from tests.agents.conftest import text_of, turn_of


@pytest.mark.asyncio
async def test_it_streams_small_pieces_that_make_the_whole_text() -> None:
    turn = turn_of("hello", "hi", "how are you?")
    pieces = [piece async for piece in DemoAgent("main", pace_seconds=0).answer(turn)]
    assert len(pieces) > 20
    assert max(map(len, pieces)) < 40
    assert "".join(pieces) == demo_text(turn)


@pytest.mark.asyncio
async def test_the_same_messages_get_the_same_answer() -> None:
    agent = DemoAgent("main", pace_seconds=0)
    assert await text_of(agent, "hello") == await text_of(agent, "hello")


def test_it_says_that_it_is_a_demo() -> None:
    assert "demo agent" in demo_text(turn_of("hello"))
    assert "No model is behind it" in demo_text(turn_of("hello"))


def test_it_quotes_the_first_and_the_last_message_of_the_session() -> None:
    text = demo_text(turn_of("my cat is called Mia", "…", "noted", "…", "what is her name?"))
    assert "Your first message in this session: “my cat is called Mia”" in text
    assert "Your last message: “what is her name?”" in text
    assert "given: 3" in text


def test_a_new_session_starts_with_its_own_first_message() -> None:
    assert "Mia" not in demo_text(turn_of("what is her name?"))


def test_it_does_not_call_a_message_the_first_when_older_ones_were_left_out() -> None:
    text = demo_text(turn_of("middle", "…", "end", left_out=4))
    assert "first message" not in text
    assert "The oldest message of yours that I was given: “middle”" in text


def test_a_turn_without_messages_is_answered_too() -> None:
    assert "no message of yours" in demo_text(turn_of())


def test_the_word_code_brings_a_code_block() -> None:
    html = MarkdownIt().render(demo_text(turn_of("Show me CODE please")))
    assert '<code class="language-python">' in html
    assert "```" not in demo_text(turn_of("hello"))


def test_the_word_long_brings_some_hundred_words() -> None:
    assert len(demo_text(turn_of("a long one")).split()) > 300
    assert len(demo_text(turn_of("hello")).split()) < 60


def test_a_long_message_is_quoted_up_to_a_word() -> None:
    quoted = quote("word " * 100)
    assert quoted.endswith("word…")
    assert len(quoted) <= QUOTE_MAX_CHARS + 1
    assert len(quote("x" * 1000)) == QUOTE_MAX_CHARS + 1


@pytest.mark.parametrize(
    "text", ["**bold** `tick` _em_ [a](b)", "<script>x</script> &lt; # | ~~", "```\nfence", "snake_case \\ end"]
)
def test_markdown_in_a_quote_is_shown_as_it_was_typed(text: str) -> None:
    rendered = MarkdownIt("commonmark", {"html": False}).renderInline(quote(text))
    shown = rendered.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert shown == " ".join(text.split())


@pytest.mark.asyncio
async def test_it_takes_its_pace_and_stops_when_closed() -> None:
    began = time.monotonic()
    async with aclosing(DemoAgent("main", pace_seconds=0.01).answer(turn_of("long"))) as answer:
        for _ in range(5):
            await anext(answer)
    assert time.monotonic() - began >= 0.05


def test_its_summary_quotes_what_was_said_and_its_next_answer_quotes_the_summary() -> None:
    asked = turn_of("my cat is called Mia", "noted", "and my dog Rex", "noted", "Summarise, please.")
    summary = demo_summary(asked)
    assert "Messages it stands for: 4" in summary
    assert "“my cat is called Mia”" in summary
    assert "Summarise, please" not in summary
    given = (
        ContextMessage(Role.SYSTEM, f"It stands for entries 1 to 4:\n\n{summary}"),
        ContextMessage(Role.USER, "so?"),
    )
    text = demo_text(replace(asked, messages=given))
    assert "I was given a summary of what came before: “The demo agent quotes" in text
    assert "The oldest message of yours that I was given: “so?”" in text
