from __future__ import annotations

from pathlib import Path

import pytest

from sessions_app.agents.registry import BACKENDS
from sessions_app.agents.settings import AgentSettings

DOCS = Path(__file__).parents[2] / "docs" / "agents.md"
EXAMPLES = {"demo": {}, "openai": {"base_url": "http://h/v1", "model": "m"}}


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_builds_an_agent_that_says_what_it_is(name: str) -> None:
    agent = BACKENDS[name].model_validate({"backend": name, **EXAMPLES[name]}).build("helper")
    assert (agent.name, agent.backend) == ("helper", name)
    assert agent.model
    assert agent.context_tokens is None
    assert agent.system_prompt == ""


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_and_all_its_keys_are_documented(name: str) -> None:
    text = DOCS.read_text()
    assert f'backend = "{name}"' in text
    for key in BACKENDS[name].model_fields:
        assert f"`{key}`" in text


def test_settings_that_build_nothing_are_a_mistake_of_ours() -> None:
    with pytest.raises(NotImplementedError):
        AgentSettings(backend="x").build("main")
