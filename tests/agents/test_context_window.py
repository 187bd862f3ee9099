from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sessions_app.agents.base import ContextMessage, estimate_tokens
from sessions_app.agents.context_window import MESSAGE_OVERHEAD_TOKENS, fit
from sessions_app.values import Role

SENTENCE = "x" * 400  # 100 tokens
EACH = 100 + MESSAGE_OVERHEAD_TOKENS

messages_strategy = st.lists(st.builds(ContextMessage, st.sampled_from(Role), st.text(max_size=200)), max_size=20)
prompt_strategy = st.text(max_size=100)


def turns(count: int) -> list[ContextMessage]:
    return [ContextMessage(role, SENTENCE) for _ in range(count) for role in (Role.USER, Role.ASSISTANT)]


def cost(messages: tuple[ContextMessage, ...], system_prompt: str = "") -> int:
    texts = [message.text for message in messages] + ([system_prompt] if system_prompt else [])
    return sum(estimate_tokens(text) + MESSAGE_OVERHEAD_TOKENS for text in texts)


def test_without_a_known_window_everything_is_sent() -> None:
    messages = turns(100)
    assert fit(messages, context_tokens=None, system_prompt="be kind") == (tuple(messages), 0)


def test_the_oldest_whole_turns_are_left_out() -> None:
    messages = [*turns(3), ContextMessage(Role.USER, SENTENCE)]
    kept, left_out = fit(messages, context_tokens=4 * EACH, system_prompt="", reply_share=0.0)
    assert kept == tuple(messages[4:])
    assert left_out == 4


def test_what_fits_exactly_is_kept() -> None:
    messages = [*turns(2), ContextMessage(Role.USER, SENTENCE)]
    assert fit(messages, context_tokens=5 * EACH, system_prompt="", reply_share=0.0) == (tuple(messages), 0)


def test_the_reply_keeps_its_share_of_the_window() -> None:
    messages = [*turns(2), ContextMessage(Role.USER, SENTENCE)]
    kept, left_out = fit(messages, context_tokens=5 * EACH, system_prompt="", reply_share=0.5)
    assert (len(kept), left_out) == (1, 4)


def test_the_system_prompt_takes_its_room() -> None:
    messages = [*turns(1), ContextMessage(Role.USER, SENTENCE)]
    assert fit(messages, context_tokens=3 * EACH, system_prompt="", reply_share=0.0)[1] == 0
    assert fit(messages, context_tokens=3 * EACH, system_prompt="be kind", reply_share=0.0)[1] == 2


def test_a_last_message_that_is_too_large_is_sent_all_the_same() -> None:
    messages = [*turns(1), ContextMessage(Role.USER, SENTENCE * 100)]
    assert fit(messages, context_tokens=256, system_prompt="") == ((messages[-1],), 2)


def test_a_summary_of_older_entries_is_kept() -> None:
    summary = ContextMessage(Role.SYSTEM, "So far: they spoke of bread.")
    messages = [summary, *turns(3), ContextMessage(Role.USER, SENTENCE)]
    kept, left_out = fit(messages, context_tokens=3 * EACH, system_prompt="", reply_share=0.0)
    assert kept[0] is summary
    assert left_out == 6


def test_a_question_that_was_never_answered_is_a_turn_of_its_own() -> None:
    messages = [ContextMessage(Role.USER, SENTENCE) for _ in range(3)]
    assert fit(messages, context_tokens=2 * EACH, system_prompt="", reply_share=0.0) == (tuple(messages[1:]), 1)


@given(messages_strategy, st.integers(256, 2000), prompt_strategy, st.floats(0, 0.9))
def test_what_is_kept_fits_or_is_the_last_turn_alone(
    messages: list[ContextMessage], context_tokens: int, system_prompt: str, reply_share: float
) -> None:
    kept, left_out = fit(messages, context_tokens=context_tokens, system_prompt=system_prompt, reply_share=reply_share)
    is_last_alone = sum(message.role is Role.USER for message in kept) <= 1
    assert cost(kept, system_prompt) <= context_tokens * (1 - reply_share) or is_last_alone
    assert left_out == len(messages) - len(kept)


@given(messages_strategy, st.integers(256, 2000))
def test_what_is_kept_is_the_newest_part_in_its_order(messages: list[ContextMessage], context_tokens: int) -> None:
    kept, left_out = fit(messages, context_tokens=context_tokens, system_prompt="")
    spoken = [message for message in messages if message.role is not Role.SYSTEM]
    kept_spoken = [message for message in kept if message.role is not Role.SYSTEM]
    assert kept_spoken == spoken[left_out:]
    assert [m for m in kept if m.role is Role.SYSTEM] == [m for m in messages if m.role is Role.SYSTEM]
    if left_out:
        assert kept_spoken[0].role is Role.USER


@given(messages_strategy, st.integers(256, 2000))
def test_the_last_message_of_the_user_is_always_kept(messages: list[ContextMessage], context_tokens: int) -> None:
    asked = [message for message in messages if message.role is Role.USER]
    kept, _ = fit(messages, context_tokens=context_tokens, system_prompt="")
    assert [message for message in kept if message.role is Role.USER][-1:] == asked[-1:]


@given(messages_strategy, st.integers(256, 2000))
def test_a_larger_window_never_leaves_out_more(messages: list[ContextMessage], context_tokens: int) -> None:
    small = fit(messages, context_tokens=context_tokens, system_prompt="")[1]
    assert fit(messages, context_tokens=context_tokens * 2, system_prompt="")[1] <= small
