"""Every way an OpenAI-compatible server can fail, as an `AgentFailure` in words a person can act on.

The words name the host, the section of agents.toml and the variable of the key. What the provider said is quoted, short and
with anything that looks like a key taken out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from sessions_app.agents.base import AgentFailure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai import APIStatusError

SAID_MAX_CHARS = 300
STORED = "Your message is stored; use Retry."
KEY_LIKE = re.compile(r"\b(?:sk|pk|key|gsk|xai|AIza)[-_A-Za-z0-9*.]{8,}|(?<=Bearer )\S+")
CONTEXT_WORDS = re.compile(
    r"context_length_exceeded|exceed_context_size|context (?:length|window|size)|prompt is too long|too many tokens",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request went, for the words of its failure."""

    agent: str
    host: str
    model: str
    key_env: str | None
    key: str = field(repr=False)
    timeout_seconds: float

    @property
    def section(self) -> str:
        """Where a person changes it."""
        return f"[agents.{self.agent}] of agents.toml"


def failure_of(error: Exception, at: Endpoint, *, streaming: bool) -> AgentFailure:
    """The failure an error of the SDK stands for.

    Args:
        error: an OpenAIError, or a ValueError for a line that is no JSON.
        at: where the request went.
        streaming: the answer had begun.
    """
    import openai

    if isinstance(error, openai.APIStatusError):
        return _of_status(error, at)
    if isinstance(error, openai.APITimeoutError):
        return _timeout(at, streaming=streaming, connecting=_caused_by(error, "ConnectTimeout"))
    if isinstance(error, openai.APIConnectionError):
        if _caused_by(error, "ConnectError", "UnsupportedProtocol"):
            return _unreachable(at)
        return _broken(at, streaming=streaming)
    if isinstance(error, openai.APIError) and isinstance(error.body, dict | str):
        return _of_event(error, at)
    return AgentFailure(
        FailureKind.BROKEN_STREAM,
        f"{at.host} sent something that is no chat completion. Check base_url in {at.section} (it often ends in /v1). {STORED}",
    )


def unfinished(at: Endpoint, *, words: bool) -> AgentFailure:
    """The stream ended without a finish reason."""
    if words:
        return _broken(at, streaming=True)
    return AgentFailure(
        FailureKind.BROKEN_STREAM,
        f"{at.host} ended the answer before its first word. Look at that server's log, and check base_url in {at.section} "
        f"(it often ends in /v1). {STORED}",
    )


def empty(at: Endpoint, finish: str) -> AgentFailure:
    """The stream ended well, but held no words."""
    reason = {
        "content_filter": "because of its content filter. Say it in other words",
        "length": "because its token limit was reached first. Start a new session, or use a model with a larger window",
        "tool_calls": "because it wants to call a tool, and this backend offers none. Say it in other words, or use another model",
    }.get(finish, "and gave no reason. Use Retry; if it stays so, try another model")
    return AgentFailure(
        FailureKind.EMPTY,
        f'"{at.model}" at {at.host} ended its answer without a word, {reason}. Your message is stored.',
    )


def _of_status(error: APIStatusError, at: Endpoint) -> AgentFailure:
    status, said = error.status_code, _said(error.body, at)
    if status in (401, 403):
        return _unauthorized(at, status)
    if status == 429:
        return _rate_limited(at, said, error.response.headers, error.code or error.type)
    if status == 413 or _is_context(error, said):
        return _context_too_long(at, said)
    if status >= 500:
        return _server_error(at, f"answered with an error of its own ({status})", said)
    if status == 408:
        return _timeout(at, streaming=False, connecting=False)
    hint = f'Check base_url (it often ends in /v1) and model ("{at.model}") in {at.section}, and restart Holdfast'
    return AgentFailure(FailureKind.BAD_REQUEST, f"{at.host} refused the request ({status}).{said} {hint}. {STORED}")


def _of_event(error: Exception, at: Endpoint) -> AgentFailure:
    """An error object inside the stream: the status was 200 and the trouble came later."""
    body = getattr(error, "body", None)
    code = f"{getattr(error, 'code', '')} {getattr(error, 'type', '')}"
    said = _said(body, at)
    if "rate_limit" in code or "429" in code or "insufficient_quota" in code:
        return _rate_limited(at, said, {}, code)
    if CONTEXT_WORDS.search(f"{code} {said}"):
        return _context_too_long(at, said)
    return _server_error(at, "reported an error while answering", said)


def _unauthorized(at: Endpoint, status: int) -> AgentFailure:
    if at.key_env is None:
        advice = f'It wants a key: put it into an environment variable, name that in {at.section} as api_key_env = "…"'
    else:
        advice = f"Check that the environment variable {at.key_env} holds a valid key that may use the model {at.model}"
    return AgentFailure(
        FailureKind.UNAUTHORIZED,
        f"{at.host} did not accept the key ({status}). {advice}, and restart Holdfast. {STORED}",
    )


def _rate_limited(at: Endpoint, said: str, headers: Mapping[str, str], code: str | None) -> AgentFailure:
    wait = _retry_after(headers)
    if code and "insufficient_quota" in code:
        advice = "Look at the plan and the credit of this account"
    elif wait is None:
        advice = "Wait a while"
    else:
        advice = f"It asks to wait {_duration(wait)}"
    where = f" for the key in {at.key_env}" if at.key_env else ""
    message = f"{at.host} takes no more requests{where} for now (429).{said} {advice}, then use Retry; your message is stored."
    return AgentFailure(FailureKind.RATE_LIMITED, message, retry_after_seconds=wait)


def _context_too_long(at: Endpoint, said: str) -> AgentFailure:
    return AgentFailure(
        FailureKind.CONTEXT_TOO_LONG,
        f"This conversation is too long for {at.model} at {at.host}.{said} Set context_tokens in {at.section} to the model's "
        "window, or lower, and restart: older turns are then left out of the request. Or start a new session. "
        "Nothing of the transcript is lost.",
    )


def _server_error(at: Endpoint, what: str, said: str) -> AgentFailure:
    return AgentFailure(
        FailureKind.SERVER_ERROR,
        f"{at.host} {what}.{said} Try again in a moment; if it stays so, look at that server. {STORED}",
    )


def _unreachable(at: Endpoint) -> AgentFailure:
    return AgentFailure(
        FailureKind.UNREACHABLE,
        f"No model server answers at {at.host}: the connection was refused, or the name is unknown. "
        f"Start it, or correct base_url in {at.section}. {STORED}",
    )


def _broken(at: Endpoint, *, streaming: bool) -> AgentFailure:
    when = "in the middle of the answer; what came is kept" if streaming else "before it answered"
    return AgentFailure(
        FailureKind.BROKEN_STREAM,
        f"The connection to {at.host} broke {when}. If it happens often, look at that server. {STORED}",
    )


def _timeout(at: Endpoint, *, streaming: bool, connecting: bool) -> AgentFailure:
    if connecting:
        what, advice = "could not be reached in time", f"Check the network and base_url in {at.section}"
    elif streaming:
        what, advice = f"stopped in the middle of the answer for {_duration(at.timeout_seconds)}", "What came is kept"
    else:
        what = f"did not begin to answer within {_duration(at.timeout_seconds)}"
        advice = f"It may be loading the model or be busy; timeout_seconds in {at.section} says how long to wait"
    return AgentFailure(FailureKind.TIMEOUT, f"{at.host} {what}. {advice}. {STORED}")


def _caused_by(error: Exception, *names: str) -> bool:
    """By name, because the SDK changes which HTTP library is below it."""
    return type(error.__cause__).__name__ in names


def _is_context(error: APIStatusError, said: str) -> bool:
    return CONTEXT_WORDS.search(f"{error.code} {error.type} {said}") is not None


def _said(body: object, at: Endpoint) -> str:
    """What the provider said, as a sentence to put behind ours; empty when it said nothing readable."""
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail")
    if not isinstance(body, str) or body.lstrip().startswith("<"):
        return ""
    text = KEY_LIKE.sub("[key]", " ".join(body.split()).replace(at.key, "[key]"))
    if len(text) > SAID_MAX_CHARS:
        text = text[: SAID_MAX_CHARS - 1] + "…"
    return f" It says: “{text}”" if text else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `Retry-After` as a number or a date."""
    value = headers.get("retry-after", "")
    if re.fullmatch(r"\d{1,7}(\.\d+)?", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _duration(seconds: float) -> str:
    if seconds >= 120:
        return f"{round(seconds / 60)} minutes"
    return "1 second" if seconds == 1 else f"{seconds:.3g} seconds"
