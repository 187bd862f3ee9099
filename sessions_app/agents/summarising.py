"""Asking an agent for a summary: one more turn, whose last message is ours and whose answer is never a message of the session."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from uuid import UUID, uuid4

from sessions_app.agents.base import Agent, AgentFailure, ContextMessage, FailureKind, Turn, estimate_tokens
from sessions_app.agents.context_window import REPLY_SHARE, message_cost
from sessions_app.values import TEXT_MAX_BYTES, Role

SUMMARY_MAX_CHARS = TEXT_MAX_BYTES // 4  # a character has four bytes at most
OF_A_MESSAGE = re.compile(
    r" Your message is stored; (?:then )?use Retry\.|,? (?:and|then) use Retry; your message is stored\."
)
SUMMARY_PROMPT = """\
The conversation above has become too long to be sent whole. Write a summary that takes its place: the conversation goes on from your
summary, and whoever goes on sees nothing else of what is above. Keep every decision, name, number, path, command, open question and
promise, what the user wants and how they want it, and where the work stands now. If a summary stands at the beginning, carry over what
still matters in it. Write plain text under short headings, in the language of the conversation. Write the summary and nothing else."""


async def summary_of(
    agent: Agent, session_key: str, session_id: UUID, messages: Sequence[ContextMessage]
) -> tuple[str, int]:
    """A summary of messages, oldest first: in several goes when they do not fit the window, each summing up the one before too.

    Returns:
        The text, and how many messages were left out because not even one of them fits.

    Raises:
        AgentFailure: as `_summary_text`; or the window has no room for any message beside our request.
    """
    rest, text, left_out = list(messages), "", 0
    while any(message.role is not Role.SYSTEM for message in rest):
        taken = _oldest_that_fit(agent, rest)
        if all(message.role is Role.SYSTEM for message in rest[:taken]):
            del rest[next(at for at, message in enumerate(rest) if message.role is not Role.SYSTEM)]
            left_out += 1
            continue
        asked = (*rest[:taken], ContextMessage(Role.USER, SUMMARY_PROMPT))
        text = await _summary_text(agent, Turn(session_key, session_id, uuid4(), asked, wants_summary=True))
        rest = [ContextMessage(Role.SYSTEM, text), *rest[taken:]]
    if not text:
        words = "The model's window has no room for a message beside the request for a summary: raise context_tokens."
        raise AgentFailure(FailureKind.CONTEXT_TOO_LONG, words)
    return text, left_out


def _oldest_that_fit(agent: Agent, messages: Sequence[ContextMessage]) -> int:
    """How many of the oldest messages fit the window beside our request, with room for the summary."""
    if agent.context_tokens is None:
        return len(messages)
    room = (
        int(agent.context_tokens * (1 - REPLY_SHARE)) - message_cost(SUMMARY_PROMPT) - message_cost(agent.system_prompt)
    )
    for at, message in enumerate(messages):
        room -= message_cost(message.text)
        if room < 0:
            return at
    return len(messages)


def failure_words(failure: AgentFailure) -> str:
    """Why no summary came, without what is said of a message: there is none to use Retry for."""
    return OF_A_MESSAGE.sub("", failure.message).strip().removesuffix(".") + "."


async def _summary_text(agent: Agent, turn: Turn) -> str:
    """The agent's summary.

    Raises:
        AgentFailure: it could not write one, or wrote nothing, or would not end.
    """
    pieces, length = list[str](), 0
    async with contextlib.aclosing(agent.answer(turn)) as answer:
        async for piece in answer:
            pieces.append(piece)
            length += len(piece)
            if length > SUMMARY_MAX_CHARS:
                words = f"The summary did not end after {SUMMARY_MAX_CHARS:,} characters."
                raise AgentFailure(FailureKind.BAD_REQUEST, words)
    text = "".join(pieces).strip()
    if not text:
        raise AgentFailure(FailureKind.EMPTY, "The summary came without a word.")
    return text


def tokens_of(messages: Sequence[ContextMessage]) -> int:
    """Roughly what messages cost together."""
    return sum(estimate_tokens(message.text) for message in messages)
