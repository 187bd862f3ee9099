"""Backend `openai`: any server with OpenAI's chat completions: OpenAI, Ollama, vLLM, OpenRouter, an OpenClaw gateway.

The `openai` SDK costs 40 MiB and half a second, so it is loaded by the first answer, in a thread, and never at start. It does
not retry by itself: a repeated request can cost money twice, and Retry is the user's.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from sessions_app.agents.base import Agent, AgentFailure, FailureKind, Turn
from sessions_app.agents.openai_failures import Endpoint, empty, failure_of, unfinished
from sessions_app.agents.settings import AgentSettings
from sessions_app.agents.text_mender import TextMender
from sessions_app.values import Role

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

CONNECT_MAX_SECONDS = 10.0
TAIL_MAX_SECONDS = 1.0  # from finish_reason to the end of the stream
NO_KEY = "no-key-needed"  # the SDK insists on one, local servers look at none
LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")
# Capitals only: what people paste here by mistake is the key itself, and that one has small letters.
VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")


def _base_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "must not hold a user name or password; put the key into a variable and name it in api_key_env"
        )
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[A-Za-z0-9._:-]+", parts.hostname or ""):
        raise ValueError('must be a URL like "https://api.openai.com/v1" or "http://127.0.0.1:11434/v1"')
    if parts.query or parts.fragment:
        raise ValueError("must end with the path, without ? and #")
    _ = parts.port  # raises ValueError on a port that is none
    return value.rstrip("/")


def _variable(value: str) -> str:
    if not VARIABLE_NAME.fullmatch(value):
        raise ValueError(
            "must be the name of an environment variable, like OPENAI_API_KEY (capitals, digits, _), never the key"
        )
    return value


class OpenAISettings(AgentSettings):
    """Keys of a section with `backend = "openai"`.

    Attributes:
        base_url: where the API is, usually up to and with `/v1`.
        model: as the server calls it.
        api_key_env: the environment variable that holds the key; without it a placeholder is sent.
        system_prompt: first message of every request; empty for none.
        timeout_seconds: longest silence, before the first word and between two; connecting has at most 10 s.
        context_tokens: window of the model; older turns are left out of requests that would not fit.
    """

    base_url: Annotated[str, AfterValidator(_base_url)]
    model: str = Field(min_length=1, max_length=200)
    api_key_env: Annotated[str, AfterValidator(_variable)] | None = None
    system_prompt: str = ""
    timeout_seconds: float = Field(120.0, gt=0, le=3600)
    context_tokens: int | None = Field(None, ge=256)

    def build(self, name: str) -> Agent:
        """The agent of this section; it connects when it first answers."""
        return OpenAICompatibleAgent(name, self)


class OpenAICompatibleAgent:
    """Streams answers from one model of one server.

    Args:
        name: the section of agents.toml.
        settings: the keys of that section.
    """

    backend = "openai"

    def __init__(self, name: str, settings: OpenAISettings) -> None:
        self.name = name
        self.model = settings.model
        self.context_tokens = settings.context_tokens
        self.system_prompt = settings.system_prompt
        self._settings = settings
        self._client: AsyncOpenAI | None = None
        self._starting = asyncio.Lock()

    async def answer(self, turn: Turn) -> AsyncGenerator[str, None]:
        """Stream the model's answer; see `Agent.answer`.

        Raises:
            AgentFailure: of every kind but `not_configured`.
        """
        at = self._endpoint()
        client = await self._client_ready(at)
        stream = await self._stream_open(client, turn, at)
        mender, words = TextMender(), False
        finish: str | None = None
        try:
            while not finish and (part := await _next(stream, at)) is not None:
                piece, finish = part
                if piece := mender.feed(piece):
                    words = words or not piece.isspace()
                    yield piece
            if piece := mender.rest():
                yield piece
            if not finish:
                raise unfinished(at, words=words)
            if not words:
                raise empty(at, finish)
            await _tail(stream)
        finally:
            await stream.close()

    async def aclose(self) -> None:
        """Close the connections to the server."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _endpoint(self) -> Endpoint:
        """Where and with which key; the key is read for each answer, so that a server may start without it."""
        variable = self._settings.api_key_env
        key = (os.environ.get(variable, "") if variable else NO_KEY).strip()
        at = Endpoint(
            agent=self.name,
            host=urlsplit(self._settings.base_url).netloc,
            model=self.model,
            key_env=variable,
            key=key,
            timeout_seconds=self._settings.timeout_seconds,
        )
        if not key:
            raise AgentFailure(
                FailureKind.UNAUTHORIZED,
                f"No key for {at.host}: the environment variable {variable} is not set where Holdfast runs. "
                f"Set it, restart Holdfast, and use Retry; your message is stored.",
            )
        if not (key.isascii() and key.isprintable()):  # the HTTP library would refuse it and quote it
            raise AgentFailure(
                FailureKind.UNAUTHORIZED,
                f"The key for {at.host} cannot be sent: the value of {variable} holds a line break or another character that "
                "no key has. Set it anew, restart Holdfast, and use Retry; your message is stored.",
            )
        return at

    async def _client_ready(self, at: Endpoint) -> AsyncOpenAI:
        async with self._starting:
            if self._client is None:
                self._client = await asyncio.to_thread(_client_build, self._settings, at.key)
            return self._client

    async def _stream_open(self, client: AsyncOpenAI, turn: Turn, at: Endpoint) -> AsyncStream[ChatCompletionChunk]:
        from openai import OpenAIError

        messages: list[Any] = [{"role": str(message.role), "content": message.text} for message in turn.messages]
        if self.system_prompt:
            messages.insert(0, {"role": str(Role.SYSTEM), "content": self.system_prompt})
        try:
            return await client.chat.completions.create(model=self.model, messages=messages, stream=True)
        except (OpenAIError, ValueError) as error:
            raise failure_of(error, at, streaming=False) from error


def _client_build(settings: OpenAISettings, key: str) -> AsyncOpenAI:
    """Import the SDK and make its client; runs in a thread, because both take long."""
    import openai

    # A server on this machine is never behind the proxy of the environment.
    is_local = LOOPBACK.fullmatch(urlsplit(settings.base_url).hostname or "") is not None
    client = openai.AsyncOpenAI(
        base_url=settings.base_url,
        api_key=key,
        max_retries=0,
        timeout=openai.Timeout(settings.timeout_seconds, connect=min(settings.timeout_seconds, CONNECT_MAX_SECONDS)),
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False) if is_local else None,
    )
    _ = client.chat.completions  # imported by the SDK on first use
    return client


async def _next(stream: AsyncStream[ChatCompletionChunk], at: Endpoint) -> tuple[str, str | None] | None:
    """Text and finish reason of the next chunk, None at the end; its errors in our words. A line that is no JSON is a ValueError."""
    from openai import OpenAIError

    try:
        return _read(await anext(stream))
    except StopAsyncIteration:
        return None
    except (OpenAIError, ValueError) as error:
        raise failure_of(error, at, streaming=True) from error


def _read(chunk: Any) -> tuple[str, str | None]:
    """Text and finish reason of a chunk; usage and keep-alive chunks have neither.

    The SDK builds chunks without checking them, so nothing is taken for granted here.
    """
    choices = getattr(chunk, "choices", None)
    if not isinstance(choices, list) or not choices:
        return "", None
    content = getattr(getattr(choices[0], "delta", None), "content", None)
    return content if isinstance(content, str) else "", getattr(choices[0], "finish_reason", None)


async def _tail(stream: AsyncStream[ChatCompletionChunk]) -> None:
    """Read what follows the finish reason, so that the connection can be used again. The answer is whole already."""
    from openai import OpenAIError

    with suppress(OpenAIError, ValueError, TimeoutError):
        async with asyncio.timeout(TAIL_MAX_SECONDS):
            async for _ in stream:
                pass
