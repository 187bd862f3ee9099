"""Reads agents.toml of the data directory into agents, and says exactly what is wrong with it.

Loading touches no network and imports no SDK. A file with a mistake is refused whole, with every mistake named by file, line
and key: half of a configuration would answer conversations with the wrong agent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sessions_app.agents.base import Agent, AgentFailure, FailureKind
from sessions_app.agents.config_template import AGENTS_TOML_TEMPLATE
from sessions_app.agents.registry import BACKENDS
from sessions_app.agents.settings import AgentSettings, Resume
from sessions_app.errors import ErrorCode, HoldfastError
from sessions_app.toml.document import TomlDocument, TomlUnreadableError, document_read, toml_key

__all__ = ["AGENTS_TOML", "AGENTS_TOML_TEMPLATE", "AgentSet", "AgentsConfigError", "agents_load"]

AGENTS_TOML = "agents.toml"
MAIN = "main"
AGENT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")  # as in a session key


class AgentsConfigError(HoldfastError):
    """agents.toml cannot be used; one line of words for each mistake.

    Args:
        problems: each like `agents.toml line 7: agents.main.base_url: missing`.
    """

    code = ErrorCode.INVALID_PARAMS

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems), problems=list(problems))


class AgentSet(Mapping[str, Agent]):
    """The configured agents by name.

    Args:
        settings: the checked sections by name.
        path: the file they came from, for the words of a missing one.
    """

    def __init__(self, settings: Mapping[str, AgentSettings], *, path: Path) -> None:
        self._settings = dict(settings)
        self._agents = {name: section.build(name) for name, section in self._settings.items()}
        self._path = path

    def __getitem__(self, name: str) -> Agent:
        return self._agents[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._agents)

    def __len__(self) -> int:
        return len(self._agents)

    def agent(self, name: str) -> Agent:
        """The agent of a conversation.

        Raises:
            AgentFailure: no section of that name; the words say which to add, and where.
        """
        if name not in self._agents:
            raise AgentFailure(
                FailureKind.NOT_CONFIGURED,
                f'No agent "{name}" is configured. Add a section [agents.{toml_key(name)}] to {self._path} and restart Holdfast. '
                f"There now: {', '.join(sorted(self._agents))}. Your message is stored; then use Retry.",
            )
        return self._agents[name]

    def resume(self, name: str) -> Resume:
        """What happens to an interrupted run of this agent; an agent that is gone waits for a person."""
        section = self._settings.get(name)
        return section.resume if section else "manual"

    def compact_at(self, name: str) -> int | None:
        """How many tokens a conversation of this agent may cost before its older messages are summarised; None for any number."""
        section, agent = self._settings.get(name), self._agents.get(name)
        if section is None or agent is None or not section.compact_at or agent.context_tokens is None:
            return None
        return int(section.compact_at * agent.context_tokens)

    async def aclose(self) -> None:
        """Close every agent."""
        for agent in self._agents.values():
            await agent.aclose()


def agents_load(path: Path) -> AgentSet:
    """Read and check agents.toml.

    Args:
        path: the file; when there is none, the set holds the demo as `main`.

    Raises:
        AgentsConfigError: the file cannot be read, is no TOML, or a key is wrong. All mistakes at once.
    """
    try:
        document = document_read(path)
    except FileNotFoundError:
        return AgentSet({MAIN: BACKENDS["demo"](backend="demo")}, path=path)
    except TomlUnreadableError as error:
        raise AgentsConfigError(str(error)) from error
    settings = _sections(document)
    if document.problems:
        raise AgentsConfigError(*document.problems)
    return AgentSet(settings, path=path)


def _sections(document: TomlDocument) -> dict[str, AgentSettings]:
    """The settings of every `[agents.NAME]` that is right."""
    for key in document.data:
        if key != "agents":
            document.wrong((key,), "unknown; this file holds [agents.NAME] sections only")
    tables = document.data.get("agents", {})
    if not isinstance(tables, dict):
        document.wrong(("agents",), "must be sections: [agents.main], [agents.NAME]")
        return {}
    if MAIN not in tables:
        words = 'missing; every installation has it. Add [agents.main] with backend = "demo"'
        document.wrong(("agents", MAIN), words)
    found = {name: _section(document, name, table) for name, table in tables.items()}
    return {name: section for name, section in found.items() if section is not None}


def _section(document: TomlDocument, name: str, table: object) -> AgentSettings | None:
    here = ("agents", name)
    if not AGENT_NAME.fullmatch(name):
        words = "a name has small letters, digits, dot, dash and underscore only, because it is part of session keys"
        document.wrong(here, words)
        return None
    if not isinstance(table, dict):
        document.wrong(here, f"must be a section: [agents.{name}]")
        return None
    known = ", ".join(f'"{backend}"' for backend in BACKENDS)
    if "backend" not in table:
        document.wrong((*here, "backend"), f"missing; one of {known}")
        return None
    backend = table["backend"]
    if not isinstance(backend, str) or backend not in BACKENDS:
        document.wrong((*here, "backend"), f"unknown backend {json.dumps(backend, default=str)}; one of {known}")
        return None
    return document.section(BACKENDS[backend], table, here, unknown=_pasted_key)


def _pasted_key(name: str) -> str | None:
    """Words for a key of a provider that was written into the file."""
    if "key" in name.lower() or "token" in name.lower():
        return (
            "unknown; keys never stand in this file. Put it into an environment variable and name that in api_key_env"
        )
    return None
