"""What answers a turn: the `Agent` protocol, the values it takes, the one way it fails.

An agent turns the messages of a session into pieces of text. It knows no database, no run rows and no sockets: the runner
gives it a `Turn` and owns whatever becomes of the text. Backends live one per file beside this one; `registry.py` lists them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sessions_app.errors import AgentFailedError

if TYPE_CHECKING:
    from uuid import UUID

    from sessions_app.values import Role

BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class ContextMessage:
    """One message as a model sees it."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """What an agent is asked to answer.

    Attributes:
        session_key: stable name of the conversation, e.g. `agent:main:main`.
        session_id: the session whose messages these are.
        run_id: this execution attempt.
        messages: oldest first; the last one is the user's input.
        left_out: messages older than these that were not given, because the model's window is too small (`context_window.fit`).
        wants_summary: the last message asks, in our words, for a summary of those before it. A model needs to know no more; a
            backend without one makes the summary itself.
    """

    session_key: str
    session_id: UUID
    run_id: UUID
    messages: tuple[ContextMessage, ...]
    left_out: int = 0
    wants_summary: bool = False


class FailureKind(StrEnum):
    """Why an agent could not answer; `docs/agents.md` says what to do about each."""

    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    BROKEN_STREAM = "broken_stream"
    UNREACHABLE = "unreachable"
    CONTEXT_TOO_LONG = "context_too_long"
    BAD_REQUEST = "bad_request"
    EMPTY = "empty"
    NOT_CONFIGURED = "not_configured"


class AgentFailure(AgentFailedError):  # noqa: N818 - the word of the glossary: a run fails, the agent gives the failure
    """An agent could not answer, in words a person can act on.

    Args:
        kind: why, for programs; it stands in `details` too.
        message: what happened, where, and what to do. It never holds a key.
        retry_after_seconds: how long the provider asked to wait, when it said so.
    """

    def __init__(self, kind: FailureKind, message: str, *, retry_after_seconds: float | None = None) -> None:
        self.kind = kind
        self.retry_after_seconds = retry_after_seconds
        wait = {} if retry_after_seconds is None else {"retryAfterMs": round(retry_after_seconds * 1000)}
        super().__init__(message, kind=str(kind), **wait)


class Agent(Protocol):
    """Something that answers turns. One object serves all conversations of its name, several at a time."""

    @property
    def name(self) -> str:
        """The section of agents.toml it was built from: `main` for `[agents.main]`."""

    @property
    def backend(self) -> str:
        """Which kind of backend it is: `demo`, `openai`."""

    @property
    def model(self) -> str:
        """The model asked for, as the provider calls it."""

    @property
    def context_tokens(self) -> int | None:
        """How many tokens question and answer may have together; None when nobody said."""

    @property
    def system_prompt(self) -> str:
        """Words the model gets before the conversation; empty for none. The agent sends them, the caller only counts them."""

    def answer(self, turn: Turn) -> AsyncGenerator[str, None]:
        """Stream the answer in pieces of any size; together they are the whole text.

        Pieces hold no NUL and no lone surrogate, so that each can be stored and sent as it is. Closing the generator, or
        cancelling the task that reads it, ends the work at the provider too. The caller closes what it does not read to its
        end (`contextlib.aclosing`).

        Raises:
            AgentFailure: the backend could not answer, before the first piece or after some.
        """

    async def aclose(self) -> None:
        """Give back connections; the agent is not used afterwards."""


def estimate_tokens(text: str) -> int:
    """Roughly how many tokens a text costs: its UTF-8 bytes divided by four, rounded up.

    Every model cuts text differently and its tokeniser is a large download, so this is a rule of thumb: English has about four
    characters a token. Bytes rather than characters, because scripts that take more bytes a character (Chinese, Hindi, emoji)
    take more tokens a character too. It can be 30 % off; the share kept for the reply (`context_window.REPLY_SHARE`) absorbs that.
    """
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
