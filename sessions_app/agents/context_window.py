"""Which messages of a session fit into a model's window.

Only the request gets smaller: what is left out here stays in the transcript, and the caller shows how many it were.
"""

from __future__ import annotations

from collections.abc import Sequence

from sessions_app.agents.base import ContextMessage, estimate_tokens
from sessions_app.values import Role

REPLY_SHARE = 0.25
MESSAGE_OVERHEAD_TOKENS = 4  # role and separators around each message, in the usual chat templates


def fit(
    messages: Sequence[ContextMessage],
    *,
    context_tokens: int | None,
    system_prompt: str,
    reply_share: float = REPLY_SHARE,
) -> tuple[tuple[ContextMessage, ...], int]:
    """Leave out the oldest whole turns until the rest fits.

    A turn is a user message with everything up to the next one, so an answer never stands there without its question. The last
    turn is always kept, even when it alone is too large: then the provider says so, in words the user sees. System messages
    (instructions, summaries that stand for older entries) are kept too.

    Args:
        messages: oldest first.
        context_tokens: size of the window, question and answer together; None for no limit.
        system_prompt: what the agent puts before the messages; it takes room.
        reply_share: part of the window that stays free for the answer, 0 to below 1.

    Returns:
        The kept messages in their order, and how many were left out.
    """
    if context_tokens is None:
        return tuple(messages), 0
    room = int(context_tokens * (1 - reply_share)) - (message_cost(system_prompt) if system_prompt else 0)
    room -= sum(message_cost(message.text) for message in messages if message.role is Role.SYSTEM)
    start = len(messages)
    for first, cost in _turns_backwards(messages):
        room -= cost
        if room < 0 and start < len(messages):
            break
        start = first
    kept = tuple(m for at, m in enumerate(messages) if at >= start or m.role is Role.SYSTEM)
    return kept, len(messages) - len(kept)


def _turns_backwards(messages: Sequence[ContextMessage]) -> list[tuple[int, int]]:
    """(index of its first message, tokens without system messages) of each turn, newest first."""
    turns: list[tuple[int, int]] = []
    cost = 0
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].role is not Role.SYSTEM:
            cost += message_cost(messages[at].text)
        if messages[at].role is Role.USER or (at == 0 and cost):
            turns.append((at, cost))
            cost = 0
    return turns


def message_cost(text: str) -> int:
    """Roughly what one message costs, with what stands around it."""
    return estimate_tokens(text) + MESSAGE_OVERHEAD_TOKENS
