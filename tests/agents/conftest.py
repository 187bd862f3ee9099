from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from sessions_app.agents.base import Agent, ContextMessage, Turn
from sessions_app.agents.openai_compatible import OpenAICompatibleAgent, OpenAISettings
from sessions_app.values import Role
from tests.support.model_server import ModelServer

MakeAgent = Callable[..., OpenAICompatibleAgent]


def turn_of(*texts: str, left_out: int = 0) -> Turn:
    """A turn whose messages alternate, the user's first and last."""
    roles = (Role.USER, Role.ASSISTANT)
    messages = tuple(ContextMessage(roles[at % 2], text) for at, text in enumerate(texts))
    return Turn("agent:main:main", uuid4(), uuid4(), messages, left_out)


async def text_of(agent: Agent, *texts: str) -> str:
    return "".join([piece async for piece in agent.answer(turn_of(*texts))])


@pytest.fixture(scope="module")
def shared_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def server(shared_server: ModelServer) -> ModelServer:
    """A real model server; each test sees its own requests only."""
    shared_server.requests.clear()
    return shared_server


@pytest_asyncio.fixture
async def make_agent(server: ModelServer) -> AsyncIterator[MakeAgent]:
    """Makes agents that talk to the server and closes them."""
    made: list[OpenAICompatibleAgent] = []

    def make(**keys: Any) -> OpenAICompatibleAgent:
        settings = {"backend": "openai", "base_url": server.base_url, "model": "test", "timeout_seconds": 30.0} | keys
        made.append(OpenAICompatibleAgent("main", OpenAISettings.model_validate(settings)))
        return made[-1]

    yield make
    for agent in made:
        await agent.aclose()
