"""Backend `demo`: built in, deterministic, honest about being no model.

It lets a person try streaming, Stop, reset and restore before any key is at hand. It quotes the first and the last message of
the session, so that what a reset puts aside, and a restore brings back, can be seen in the answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator

from pydantic import Field

from sessions_app.agents.base import Agent, Turn
from sessions_app.agents.settings import AgentSettings
from sessions_app.values import Role

PACE_SECONDS = 0.02
QUOTE_MAX_CHARS = 160
LONG_PARAGRAPHS = 8
SUMMARY_QUOTES = 20

PIECE = re.compile(r"\s*\S+\s*")
# What Markdown would take for its own; an underscore inside a word is none of it.
MARKDOWN = re.compile(r"[\\`*\[\]<>~|&#]|(?<!\w)_|_(?!\w)")

CODE_ANSWER = """
You wrote "code", so here is a code block:

```python
def greet(name: str) -> str:
    \"\"\"Say hello.\"\"\"
    return f"Hello, {name}!"


print(greet("Holdfast"))
```
"""

LONG_ANSWER = """
**Part {part} of {parts}.** This paragraph has nothing to tell; it is here to stream for a while, so that you can scroll, open a
second tab, reload the page, or press Stop. Whatever was shown when you press Stop stays in the transcript, marked as stopped.
"""


class DemoSettings(AgentSettings):
    """Keys of a section with `backend = "demo"`; `context_tokens` lets compaction be tried, for nothing is sent anywhere."""

    pace_seconds: float = Field(PACE_SECONDS, ge=0, le=10)
    context_tokens: int | None = Field(None, ge=256)

    def build(self, name: str) -> Agent:
        """The demo agent of this section."""
        return DemoAgent(name, pace_seconds=self.pace_seconds, context_tokens=self.context_tokens)


class DemoAgent:
    """Answers from fixed texts, one word at a time.

    Args:
        name: the section of agents.toml.
        pace_seconds: pause before each word; 0 streams as fast as it is read.
        context_tokens: the window it acts as if it had; None for none.
    """

    backend = "demo"
    model = "demo"
    system_prompt = ""

    def __init__(self, name: str, *, pace_seconds: float = PACE_SECONDS, context_tokens: int | None = None) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self.pace_seconds = pace_seconds

    async def answer(self, turn: Turn) -> AsyncGenerator[str, None]:
        """Stream the text that belongs to this turn; the same turn always gets the same text."""
        if turn.wants_summary:
            yield demo_summary(turn)
            return
        for piece in PIECE.findall(demo_text(turn)):
            await asyncio.sleep(self.pace_seconds)
            yield piece

    async def aclose(self) -> None:
        """Nothing to give back."""


def demo_text(turn: Turn) -> str:
    """The whole answer to a turn, in Markdown.

    Args:
        turn: its last message decides: "code" in it adds a code block, "long" some hundred words.
    """
    asked = [message.text for message in turn.messages if message.role is Role.USER]
    last = asked[-1] if asked else ""
    parts = [
        "This is Holdfast's built-in **demo agent**. No model is behind it; it only repeats what this session holds.\n",
        *_given(turn),
        _memory(asked, left_out=turn.left_out, is_summarised=_summary(turn) is not None),
    ]
    if "code" in last.lower():
        parts.append(CODE_ANSWER)
    if "long" in last.lower():
        parts.extend(LONG_ANSWER.format(part=n, parts=LONG_PARAGRAPHS) for n in range(1, LONG_PARAGRAPHS + 1))
    parts.append("\nTo talk to a real model, name one in `agents.toml` and restart.")
    return "\n".join(parts)


def demo_summary(turn: Turn) -> str:
    """The summary of the messages before the last one: their number, and what the person said, each quoted; no model is behind it."""
    told = [message for message in turn.messages[:-1] if message.role is not Role.SYSTEM]
    asked = [message.text for message in told if message.role is Role.USER]
    shown = asked if len(asked) <= SUMMARY_QUOTES else [*asked[: SUMMARY_QUOTES // 2], *asked[-SUMMARY_QUOTES // 2 :]]
    lines = [f"The demo agent quotes; no model is behind it. Messages it stands for: {len(told)}. You said:"]
    if (before := _summary(turn)) is not None:
        lines.append(f"- (an earlier summary) “{quote(before)}”")
    lines += [f"- “{quote(text)}”" for text in shown]
    return "\n".join(lines)


def _summary(turn: Turn) -> str | None:
    """What stands for older messages of this session, without the line that says so."""
    given = next((message.text for message in turn.messages if message.role is Role.SYSTEM), None)
    return None if given is None else given.partition("\n\n")[2] or given


def _given(turn: Turn) -> list[str]:
    summary = _summary(turn)
    return [] if summary is None else [f"- I was given a summary of what came before: “{quote(summary)}”"]


def _memory(asked: list[str], *, left_out: int, is_summarised: bool) -> str:
    if not asked:
        return "There is no message of yours in this session."
    left_out = left_out or is_summarised
    if len(asked) == 1 and not left_out:
        return f"- Your first message in this session: “{quote(asked[0])}”"
    since = "The oldest message of yours that I was given" if left_out else "Your first message in this session"
    return "\n".join(
        (
            f"- {since}: “{quote(asked[0])}”",
            f"- Your last message: “{quote(asked[-1])}”",
            f"- Messages of yours that I was given: {len(asked)}",
        )
    )


def quote(text: str) -> str:
    """A message on one line, cut at a word when it is long, with its Markdown made harmless."""
    line = " ".join(text.split())
    if len(line) > QUOTE_MAX_CHARS:
        cut = line[: QUOTE_MAX_CHARS + 1]
        line = (cut.rpartition(" ")[0] or cut[:-1]) + "…"
    return MARKDOWN.sub(r"\\\g<0>", line)
