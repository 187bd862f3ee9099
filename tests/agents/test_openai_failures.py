"""Every way a model server fails, against a real one; what a person reads is part of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from sessions_app.agents.base import AgentFailure, FailureKind
from sessions_app.agents.openai_failures import Endpoint, _retry_after, _said
from tests.agents.conftest import MakeAgent, text_of, turn_of
from tests.support.model_server import ModelServer

KEY = "sk-secretsecret"

PATIENCE_SECONDS = {
    "hang": 2,
    "stall": 2,
}  # where running out of patience is the subject; elsewhere a busy machine must not

FAILURES = [
    ("401", "unauthorized", "environment variable MY_MODEL_KEY holds a valid key"),
    ("403", "unauthorized", "did not accept the key (403)"),
    ("429", "rate_limited", "It asks to wait 7 seconds"),
    ("quota", "rate_limited", "plan and the credit"),
    ("context", "context_too_long", "Set context_tokens in [agents.main] of agents.toml"),
    ("404", "bad_request", 'Check base_url (it often ends in /v1) and model ("test")'),
    ("500", "server_error", "It says: “The engine fell over.”"),
    ("503", "server_error", "(503)"),
    ("hang", "timeout", "did not begin to answer within 2 seconds"),
    ("stall", "timeout", "stopped in the middle of the answer for 2 seconds"),
    ("break", "broken_stream", "broke in the middle of the answer; what came is kept"),
    ("refuse", "broken_stream", "broke before it answered"),
    ("nofinish", "broken_stream", "broke in the middle of the answer"),
    ("garbage", "broken_stream", "no chat completion"),
    ("html", "broken_stream", "before its first word"),
    ("errorevent", "server_error", "It says: “The engine fell over in mid-air.”"),
    ("contextevent", "context_too_long", "too long for test"),
    ("empty", "empty", "without a word"),
    ("filtered", "empty", "content filter"),
]


@pytest.mark.parametrize(("behaviour", "kind", "words"), FAILURES)
@pytest.mark.asyncio
async def test_a_failure_has_its_kind_and_words_to_act_on(
    make_agent: MakeAgent, server: ModelServer, monkeypatch: pytest.MonkeyPatch, behaviour: str, kind: str, words: str
) -> None:
    monkeypatch.setenv("MY_MODEL_KEY", KEY)
    agent = make_agent(api_key_env="MY_MODEL_KEY", timeout_seconds=PATIENCE_SECONDS.get(behaviour, 30))
    with pytest.raises(AgentFailure) as failed:
        await text_of(agent, f"behave:{behaviour}")
    assert failed.value.kind == kind
    assert words in failed.value.message
    assert f"127.0.0.1:{server.port}" in failed.value.message
    assert KEY not in f"{failed.value} {failed.value!r} {failed.value.details}"
    assert len(server.requests) == 1, "the SDK must not retry by itself"


@pytest.mark.parametrize("behaviour", ["break", "stall", "nofinish", "garbage", "errorevent"])
@pytest.mark.asyncio
async def test_what_came_before_the_failure_was_handed_over(make_agent: MakeAgent, behaviour: str) -> None:
    agent = make_agent(timeout_seconds=PATIENCE_SECONDS.get(behaviour, 30))
    pieces: list[str] = []
    with pytest.raises(AgentFailure):  # noqa: PT012 - it raises while it is read
        async for piece in agent.answer(turn_of(f"behave:{behaviour}")):
            pieces.append(piece)  # noqa: PERF401
    assert "".join(pieces).startswith("You said: beh")


@pytest.mark.asyncio
async def test_the_same_agent_answers_again_after_every_failure(make_agent: MakeAgent, server: ModelServer) -> None:
    agent = make_agent()
    for behaviour in ("401", "429", "500", "break", "refuse", "empty"):
        server.behave_next(behaviour)
        with pytest.raises(AgentFailure):
            await text_of(agent, "hello")
        assert await text_of(agent, "hello") == "You said: hello (message 1)"


@pytest.mark.asyncio
async def test_a_server_that_does_not_run_is_unreachable(make_agent: MakeAgent) -> None:
    with ModelServer() as gone:
        pass
    with pytest.raises(
        AgentFailure, match=r"Start it, or correct base_url in \[agents.main\] of agents.toml"
    ) as failed:
        await text_of(make_agent(base_url=gone.base_url), "hello")
    assert failed.value.kind is FailureKind.UNREACHABLE


@pytest.mark.asyncio
async def test_a_name_that_does_not_exist_is_unreachable(make_agent: MakeAgent) -> None:
    with pytest.raises(AgentFailure, match=r"no-such-host\.invalid") as failed:
        await text_of(make_agent(base_url="http://no-such-host.invalid/v1"), "hello")
    assert failed.value.kind is FailureKind.UNREACHABLE


@pytest.mark.asyncio
async def test_a_wait_that_was_asked_for_is_told_to_programs(make_agent: MakeAgent) -> None:
    with pytest.raises(AgentFailure) as failed:
        await text_of(make_agent(), "behave:429")
    assert failed.value.retry_after_seconds == 7
    assert failed.value.details["retryAfterMs"] == 7000


@pytest.mark.asyncio
async def test_a_server_that_wants_a_key_where_none_is_configured_says_how_to_give_one(make_agent: MakeAgent) -> None:
    with pytest.raises(AgentFailure, match="api_key_env"):
        await text_of(make_agent(), "behave:401")


def at(key: str = KEY) -> Endpoint:
    return Endpoint(agent="main", host="h", model="m", key_env="K", key=key, timeout_seconds=1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, ""),
        ({}, ""),
        ({"message": 7}, ""),
        ("<html>Bad Gateway</html>", ""),
        ({"message": "two\n lines"}, " It says: “two lines”"),
        ({"detail": "Not Found"}, " It says: “Not Found”"),
        ("plain", " It says: “plain”"),
        ({"message": f"key {KEY} is bad"}, " It says: “key [key] is bad”"),
        ({"message": "key sk-proj-abcd****wxyz is bad"}, " It says: “key [key] is bad”"),
        ({"message": "x" * 1000}, f" It says: “{'x' * 299}…”"),
    ],
)
def test_what_the_provider_said_is_short_and_without_keys(body: object, said: str) -> None:
    assert _said(body, at()) == said


def test_an_endpoint_does_not_print_its_key() -> None:
    assert KEY not in repr(at())


@pytest.mark.parametrize(("value", "seconds"), [("", None), ("soon", None), ("20", 20.0), ("1.5", 1.5), ("-3", None)])
def test_retry_after_is_read_as_seconds(value: str, seconds: float | None) -> None:
    assert _retry_after({"retry-after": value}) == seconds


def test_retry_after_is_read_as_a_date() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < (_retry_after({"retry-after": in_a_minute}) or 0) <= 60
    assert _retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
