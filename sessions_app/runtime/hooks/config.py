"""Reads hooks.toml of the data directory, and says exactly what is wrong with it.

A file with a mistake is refused whole: half of it would leave somebody untold who counts on being told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sessions_app.errors import ErrorCode, HoldfastError
from sessions_app.toml.document import TomlDocument, TomlUnreadableError, document_read
from sessions_app.values import HookType

HOOKS_TOML = "hooks.toml"
SUBSCRIBER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
# capitals only: what people paste here by mistake is the secret itself, and that one has small letters
VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")
_SUBSCRIBERS = "subscribers"


class HooksConfigError(HoldfastError):
    """hooks.toml cannot be used; one line of words for each mistake.

    Args:
        problems: each like `hooks.toml line 7: subscribers.notify.url: missing`.
    """

    code = ErrorCode.INVALID_PARAMS

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems), problems=list(problems))


def _event(value: str) -> str:
    if value not in set(HookType):
        raise ValueError(f"must be one of {', '.join(HookType)}")
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password; the signature says who calls")
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[A-Za-z0-9._:-]+", parts.hostname or ""):
        raise ValueError('must be a URL like "https://example.org/holdfast"')
    _ = parts.port  # raises ValueError on a port that is none
    return value


def _variable(value: str) -> str:
    if not VARIABLE_NAME.fullmatch(value):
        raise ValueError(
            "must be the name of an environment variable, like HOLDFAST_NOTIFY_SECRET (capitals, digits, _), never the secret"
        )
    return value


def _word(value: str) -> str:
    if not value or "\x00" in value:
        raise ValueError("must not be empty or hold a NUL")
    return value


class SubscriberSettings(BaseModel):
    """What both kinds of `[subscribers.NAME]` have.

    Attributes:
        events: the types it is told of.
        timeout_seconds: hard end of an attempt.
        max_attempts: then the delivery is dead and waits for a person.
        enabled: when false, what happens is kept for later.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    kind: str
    events: list[Annotated[str, AfterValidator(_event)]] = Field(
        default=[str(HookType.SESSION_START), str(HookType.SESSION_END)], min_length=1
    )
    timeout_seconds: float = Field(default=10.0, gt=0, le=300)
    max_attempts: int = Field(default=8, ge=1, le=50)
    enabled: bool = True


class WebhookSettings(SubscriberSettings):
    """A URL that gets each event as a signed POST."""

    kind: Literal["webhook"]
    url: Annotated[str, AfterValidator(_url)]
    secret_env: Annotated[str, AfterValidator(_variable)]


class CommandSettings(SubscriberSettings):
    """A program that is started for each event."""

    kind: Literal["command"]
    argv: list[Annotated[str, AfterValidator(_word)]] = Field(min_length=1)


Subscriber = WebhookSettings | CommandSettings
KINDS: dict[str, type[WebhookSettings] | type[CommandSettings]] = {
    "webhook": WebhookSettings,
    "command": CommandSettings,
}


class _Top(BaseModel):
    """The keys above the sections."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    idle_seconds: float | None = Field(default=None, ge=1, le=366 * 86400)


@dataclass(frozen=True, slots=True)
class HooksConfig:
    """What hooks.toml says.

    Attributes:
        subscribers: by name, disabled ones too.
        idle_seconds: after how long without a turn a span is closed; None for never.
        directory: where commands start.
    """

    subscribers: Mapping[str, Subscriber] = field(default_factory=dict)
    idle_seconds: float | None = None
    directory: Path | None = None

    @property
    def enabled(self) -> dict[str, Subscriber]:
        """The subscribers that are told now."""
        return {name: each for name, each in self.subscribers.items() if each.enabled}


def hooks_load(path: Path) -> HooksConfig:
    """Read and check hooks.toml.

    Args:
        path: the file; when there is none, nobody is told.

    Raises:
        HooksConfigError: the file cannot be read, is no TOML, or a key is wrong. All mistakes at once.
    """
    try:
        document = document_read(path)
    except FileNotFoundError:
        return HooksConfig(directory=path.parent)
    except TomlUnreadableError as error:
        raise HooksConfigError(str(error)) from error
    tables = document.data.pop(_SUBSCRIBERS, {})
    top = document.section(_Top, document.data, (), unknown=_unknown_at_top)
    found: dict[str, Subscriber] = {}
    if not isinstance(tables, dict):
        document.wrong((_SUBSCRIBERS,), "must be sections: [subscribers.NAME]")
    else:
        for name, table in tables.items():
            section = _subscriber(document, name, table)
            if section is not None:
                found[name] = section
    if document.problems or top is None:
        raise HooksConfigError(*document.problems)
    return HooksConfig(found, top.idle_seconds, path.parent)


def _subscriber(document: TomlDocument, name: str, table: object) -> Subscriber | None:
    here = (_SUBSCRIBERS, name)
    if not SUBSCRIBER_NAME.fullmatch(name):
        document.wrong(here, "a name has small letters, digits, dot, dash and underscore only, at most 100")
        return None
    if not isinstance(table, dict):
        document.wrong(here, f"must be a section: [subscribers.{name}]")
        return None
    known = ", ".join(f'"{kind}"' for kind in KINDS)
    kind = table.get("kind")
    if kind is None:
        document.wrong((*here, "kind"), f"missing; one of {known}")
        return None
    if not isinstance(kind, str) or kind not in KINDS:
        document.wrong((*here, "kind"), f"unknown kind {json.dumps(kind, default=str)}; one of {known}")
        return None
    return document.section(KINDS[kind], table, here, unknown=_pasted_secret)


def _unknown_at_top(_key: str) -> str:
    return "unknown; this file holds idle_seconds and [subscribers.NAME] sections only"


def _pasted_secret(key: str) -> str | None:
    if any(word in key.lower() for word in ("secret", "token", "key", "password")):
        return (
            "unknown; secrets never stand in this file. Put it into an environment variable and name that in secret_env"
        )
    return None
