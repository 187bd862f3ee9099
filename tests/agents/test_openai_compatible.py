from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import aclosing, suppress
from uuid import uuid4

import pytest

from sessions_app.agents.base import AgentFailure, ContextMessage, FailureKind, Turn
from sessions_app.values import Role
from tests.agents.conftest import MakeAgent, text_of, turn_of
from tests.support.model_server import ModelServer


@pytest.mark.asyncio
async def test_the_answer_arrives_in_the_pieces_of_the_server(make_agent: MakeAgent) -> None:
    pieces = [piece async for piece in make_agent().answer(turn_of("hello"))]
    assert "".join(pieces) == "You said: hello (message 1)"
    assert len(pieces) > 3


@pytest.mark.asyncio
async def test_the_first_piece_does_not_wait_for_the_last(make_agent: MakeAgent) -> None:
    agent = make_agent()
    await text_of(agent, "warm up")
    async with asyncio.timeout(60), aclosing(agent.answer(turn_of("behave:stream:200:0.5"))) as answer:
        assert await anext(answer) == "word1 "


@pytest.mark.asyncio
async def test_the_model_gets_the_messages_in_order_behind_the_system_prompt(
    make_agent: MakeAgent, server: ModelServer
) -> None:
    await text_of(make_agent(system_prompt="Be kind."), "one", "two", "three ✓")
    assert server.requests[0].model == "test"
    assert server.requests[0].messages == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three ✓"},
    ]


@pytest.mark.asyncio
async def test_a_summary_goes_as_a_system_message(make_agent: MakeAgent, server: ModelServer) -> None:
    messages = (ContextMessage(Role.SYSTEM, "So far: bread."), ContextMessage(Role.USER, "and?"))
    async for _ in make_agent().answer(Turn("agent:main:main", uuid4(), uuid4(), messages)):
        pass
    assert server.requests[0].messages[0] == {"role": "system", "content": "So far: bread."}


@pytest.mark.asyncio
async def test_the_key_comes_from_the_named_variable(
    make_agent: MakeAgent, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("MY_MODEL_KEY", "sk-mine\n")
    await text_of(make_agent(api_key_env="MY_MODEL_KEY"), "hello")
    assert server.requests[0].authorization == "Bearer sk-mine"


@pytest.mark.asyncio
async def test_without_a_variable_no_key_of_the_environment_is_sent(
    make_agent: MakeAgent, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    await text_of(make_agent(), "hello")
    assert server.requests[0].authorization == "Bearer no-key-needed"


@pytest.mark.asyncio
async def test_a_missing_key_is_said_before_anything_is_sent(make_agent: MakeAgent, server: ModelServer) -> None:
    with pytest.raises(AgentFailure, match="environment variable MY_MODEL_KEY is not set") as failed:
        await text_of(make_agent(api_key_env="MY_MODEL_KEY"), "hello")
    assert failed.value.kind is FailureKind.UNAUTHORIZED
    assert server.requests == []


@pytest.mark.asyncio
async def test_a_key_that_no_header_can_hold_is_refused_without_quoting_it(
    make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_MODEL_KEY", "secret\nsecret")
    with pytest.raises(AgentFailure, match="value of MY_MODEL_KEY") as failed:
        await text_of(make_agent(api_key_env="MY_MODEL_KEY"), "hello")
    assert "secret" not in str(failed.value)


@pytest.mark.asyncio
async def test_a_server_on_this_machine_is_not_asked_through_a_proxy(
    make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await text_of(make_agent(), "hello") == "You said: hello (message 1)"


@pytest.mark.asyncio
async def test_closing_the_answer_hangs_up_at_the_server(make_agent: MakeAgent, server: ModelServer) -> None:
    async with aclosing(make_agent().answer(turn_of("behave:stream:1000:0.01"))) as answer:
        await anext(answer)
    await asyncio.to_thread(server.wait_until, lambda: server.requests[0].ended == "hung up")


@pytest.mark.parametrize("behaviour", ["stream:1000:0.01", "hang", "stall"])
@pytest.mark.asyncio
async def test_cancelling_the_reader_hangs_up_at_the_server(
    make_agent: MakeAgent, server: ModelServer, behaviour: str
) -> None:
    task = asyncio.create_task(text_of(make_agent(), f"behave:{behaviour}"))
    await asyncio.to_thread(server.wait_until, lambda: len(server.requests) == 1)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(server.wait_until, lambda: server.requests[0].ended == "hung up")


@pytest.mark.asyncio
async def test_answers_one_after_another_share_a_connection(make_agent: MakeAgent, server: ModelServer) -> None:
    agent = make_agent()
    for text in ("one", "two", "behave:401", "three"):
        with suppress(AgentFailure):
            await text_of(agent, text)
    assert len({request.connection for request in server.requests}) == 1


@pytest.mark.asyncio
async def test_answers_at_the_same_time_do_not_wait_for_each_other(make_agent: MakeAgent) -> None:
    agent = make_agent()
    texts = await asyncio.gather(*(text_of(agent, f"hello {n}") for n in range(10)))
    assert texts == [f"You said: hello {n} (message 1)" for n in range(10)]


@pytest.mark.asyncio
async def test_a_whole_answer_counts_even_when_the_stream_never_ends(make_agent: MakeAgent) -> None:
    assert await text_of(make_agent(), "behave:nodone") == "You said: behave:nodone (message 1)"


@pytest.mark.asyncio
async def test_chunks_of_strange_shapes_are_passed_over(make_agent: MakeAgent) -> None:
    assert await text_of(make_agent(), "behave:odd") == "You said: behave:odd (message 1)"


@pytest.mark.asyncio
async def test_a_character_cut_between_two_pieces_is_put_together(make_agent: MakeAgent) -> None:
    assert await text_of(make_agent(), "behave:split") == "smile 😀 end ��"


@pytest.mark.asyncio
async def test_an_agent_that_was_closed_unused_or_twice_does_not_mind(make_agent: MakeAgent) -> None:
    agent = make_agent()
    await agent.aclose()
    await agent.aclose()


def test_the_sdk_is_not_loaded_before_the_first_answer() -> None:
    code = (
        "import sys, pathlib; from sessions_app.agents.config import agents_load;"
        "agents_load(pathlib.Path('/nowhere/agents.toml')); sys.exit('openai' in sys.modules or 'httpx2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
