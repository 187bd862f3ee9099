from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sessions_app.agents.base import AgentFailure, FailureKind
from sessions_app.agents.config import AGENTS_TOML_TEMPLATE, AgentsConfigError, AgentSet, agents_load
from sessions_app.agents.demo import DemoAgent
from sessions_app.agents.openai_compatible import OpenAICompatibleAgent

OPENAI = '[agents.main]\nbackend = "openai"\nbase_url = "http://127.0.0.1:1/v1"\nmodel = "m"\n'


def load(tmp_path: Path, text: str | bytes) -> AgentSet:
    path = tmp_path / "agents.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return agents_load(path)


def problems(tmp_path: Path, text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(AgentsConfigError) as wrong:
        load(tmp_path, text)
    assert wrong.value.message == "\n".join(wrong.value.problems)
    return wrong.value.problems


def test_without_a_file_the_demo_answers(tmp_path: Path) -> None:
    agents = agents_load(tmp_path / "agents.toml")
    assert list(agents) == ["main"]
    assert isinstance(agents["main"], DemoAgent)


def test_the_template_is_a_working_file_with_the_demo(tmp_path: Path) -> None:
    agents = load(tmp_path, AGENTS_TOML_TEMPLATE)
    assert [agent.backend for agent in agents.values()] == ["demo"]


def test_every_example_of_the_template_works_when_uncommented(tmp_path: Path) -> None:
    blocks = re.findall(r"(?m)^# \[agents\.main\]\n(?:# \w+ = .*\n)+", AGENTS_TOML_TEMPLATE)
    assert len(blocks) == 5
    for block in blocks:
        agent = load(tmp_path, re.sub(r"(?m)^# ", "", block))["main"]
        assert isinstance(agent, OpenAICompatibleAgent)


def test_every_key_of_the_openai_backend_is_read(tmp_path: Path) -> None:
    agents = load(
        tmp_path,
        OPENAI
        + 'api_key_env = "K"\nsystem_prompt = "Be kind."\ntimeout_seconds = 7\ncontext_tokens = 4096\nresume = "auto"\n',
    )
    agent = agents["main"]
    assert (agent.name, agent.backend, agent.model) == ("main", "openai", "m")
    assert (agent.context_tokens, agent.system_prompt) == (4096, "Be kind.")
    assert agents.resume("main") == "auto"


def test_a_run_waits_for_a_person_unless_the_file_says_auto(tmp_path: Path) -> None:
    agents = load(tmp_path, OPENAI)
    assert agents.resume("main") == "manual"
    assert agents.resume("gone") == "manual"


def test_several_agents_live_side_by_side(tmp_path: Path) -> None:
    agents = load(
        tmp_path, OPENAI + '[agents.play]\nbackend = "demo"\npace_seconds = 0\n[agents."v1.2"]\nbackend = "demo"\n'
    )
    assert {name: agent.backend for name, agent in agents.items()} == {"main": "openai", "play": "demo", "v1.2": "demo"}
    assert agents.agent("play") is agents["play"]
    assert len(agents) == 3


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    assert "main" in load(tmp_path, b"\xef\xbb\xbf" + OPENAI.replace("\n", "\r\n").encode())


def test_an_agent_that_is_not_configured_names_the_file_and_the_section(tmp_path: Path) -> None:
    with pytest.raises(AgentFailure) as failed:
        load(tmp_path, OPENAI).agent("writer")
    assert failed.value.kind is FailureKind.NOT_CONFIGURED
    assert f"Add a section [agents.writer] to {tmp_path / 'agents.toml'}" in failed.value.message


@pytest.mark.asyncio
async def test_closing_the_set_closes_every_agent(tmp_path: Path) -> None:
    await load(tmp_path, OPENAI).aclose()


MISTAKES: list[tuple[str | bytes, str]] = [
    ("", 'agents.toml: agents.main: missing; every installation has it. Add [agents.main] with backend = "demo"'),
    ("[agents.main\n", "agents.toml line 1: is no valid TOML: Expected ']' at the end of a table declaration"),
    ("a = 1\n\nb = = 2\n", "agents.toml line 3: is no valid TOML: Invalid value"),
    (b"# \xe9\n# ok\n# \xff", "agents.toml line 1: is not UTF-8 text"),
    ("agents = 1\n", "agents.toml line 1: agents: must be sections: [agents.main], [agents.NAME]"),
    ("[agents]\nmain = 1\n", "agents.toml line 2: agents.main: must be a section: [agents.main]"),
    ("[agents.main]\n", 'agents.toml line 1: agents.main.backend: missing; one of "demo", "openai"'),
    (
        '\n[agents.main]\nbackend = "gpt"\n',
        'agents.toml line 3: agents.main.backend: unknown backend "gpt"; one of "demo", "openai"',
    ),
    (
        "[agents.main]\nbackend = 1\n",
        'agents.toml line 2: agents.main.backend: unknown backend 1; one of "demo", "openai"',
    ),
    ('[agents.main]\nbackend = "openai"\nmodel = "m"\n', "agents.toml line 1: agents.main.base_url: missing"),
    ('[agents.main]\nbackend = "openai"\nbase_url = "http://h/v1"\n', "agents.toml line 1: agents.main.model: missing"),
    (
        OPENAI + 'modle = "x"\n',
        "agents.toml line 5: agents.main.modle: unknown; known here: backend, resume, compact_at, base_url, model, ",
    ),
    (OPENAI + 'resume = "never"\n', "agents.toml line 5: agents.main.resume: input should be 'manual' or 'auto'"),
    (
        OPENAI + 'timeout_seconds = "60"\n',
        "agents.toml line 5: agents.main.timeout_seconds: input should be a valid number",
    ),
    (
        OPENAI + "timeout_seconds = 0\n",
        "agents.toml line 5: agents.main.timeout_seconds: input should be greater than 0",
    ),
    (OPENAI + "timeout_seconds = inf\n", "agents.toml line 5: agents.main.timeout_seconds: input should be "),
    (OPENAI + "timeout_seconds = nan\n", "agents.toml line 5: agents.main.timeout_seconds: input should be "),
    (
        OPENAI + "context_tokens = 10\n",
        "agents.toml line 5: agents.main.context_tokens: input should be greater than or equal to 256",
    ),
    (OPENAI + "system_prompt = 1\n", "agents.toml line 5: agents.main.system_prompt: input should be a valid string"),
    (OPENAI + '[agents."Ana B"]\nbackend = "demo"\n', 'agents.toml line 5: agents."Ana B": a name has small letters'),
    (OPENAI + "[agent.x]\n", "agents.toml line 5: agent: unknown; this file holds [agents.NAME] sections only"),
    (
        '[agents.main]\nbackend = "demo"\npace_seconds = -1\n',
        "agents.toml line 3: agents.main.pace_seconds: input should be ",
    ),
]


@pytest.mark.parametrize(("text", "problem"), MISTAKES)
def test_a_mistake_names_file_line_and_key(tmp_path: Path, text: str | bytes, problem: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("", "must be a URL like"),
        ("api.openai.com/v1", "must be a URL like"),
        ("ftp://h/v1", "must be a URL like"),
        ("http:///v1", "must be a URL like"),
        ("http://h h/v1", "must be a URL like"),
        ("http://h/v1?key=1", "without ? and #"),
        ("http://h:99999/v1", "ort out of range"),
        ("https://ana:hunter2@h/v1", "must not hold a user name or password"),
        ("http://[::1/v1", "nvalid IPv6 URL"),
    ],
)
def test_a_base_url_that_cannot_work_is_refused(tmp_path: Path, base_url: str, words: str) -> None:
    (problem,) = problems(tmp_path, OPENAI.replace("http://127.0.0.1:1/v1", base_url))
    assert problem.startswith("agents.toml line 3: agents.main.base_url: ")
    assert words in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "line", ['api_key = "sk-secret"', 'api_key_env = "sk-secret"', 'token = "sk-secret"', 'backend_key = "sk-secret"']
)
def test_a_key_written_into_the_file_is_refused_and_never_repeated(tmp_path: Path, line: str) -> None:
    (problem,) = problems(tmp_path, OPENAI + line + "\n")
    assert problem.startswith("agents.toml line 5: agents.main.")
    assert "environment variable" in problem
    assert "sk-secret" not in problem


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = '[agents.main]\nbackend = "openai"\nbase_url = "x"\n[agents.two]\nbackend = "demo"\nspeed = 1\n[other]\n'
    assert [problem.split(": ")[1] for problem in problems(tmp_path, text)] == [
        "other",
        "agents.main.base_url",
        "agents.main.model",
        "agents.two.speed",
    ]


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "agents.toml").mkdir()
    with pytest.raises(AgentsConfigError, match="cannot be read: Is a directory"):
        agents_load(tmp_path / "agents.toml")


def test_loading_opens_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection"))
    load(tmp_path, OPENAI)


def test_programs_get_the_problems_as_a_list(tmp_path: Path) -> None:
    with pytest.raises(AgentsConfigError) as wrong:
        load(tmp_path, "")
    details: dict[str, Any] = wrong.value.details
    assert details["problems"] == list(wrong.value.problems)
