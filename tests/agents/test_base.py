from __future__ import annotations

import pytest

from sessions_app.agents.base import AgentFailure, FailureKind, estimate_tokens
from sessions_app.errors import ErrorCode


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("漢字", 2), ("x" * 4000, 1000), ("\ud83d", 1)]
)
def test_a_token_is_about_four_bytes(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_a_failure_carries_its_kind_and_wait_for_programs() -> None:
    failure = AgentFailure(FailureKind.RATE_LIMITED, "wait", retry_after_seconds=1.5)
    assert failure.code is ErrorCode.AGENT_FAILED
    assert failure.retryable
    assert failure.details == {"kind": "rate_limited", "retryAfterMs": 1500}
    assert type(failure.details["kind"]) is str


def test_a_failure_without_a_wait_says_nothing_about_one() -> None:
    assert AgentFailure(FailureKind.EMPTY, "no words").details == {"kind": "empty"}
