"""The one list of backends. A new one is one file beside this and one line here (docs/agents.md walks through it)."""

from __future__ import annotations

from sessions_app.agents.demo import DemoSettings
from sessions_app.agents.openai_compatible import OpenAISettings
from sessions_app.agents.settings import AgentSettings

BACKENDS: dict[str, type[AgentSettings]] = {
    "demo": DemoSettings,
    "openai": OpenAISettings,
}
