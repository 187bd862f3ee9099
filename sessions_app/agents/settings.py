"""What every section of agents.toml has in common: the base of each backend's settings."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from sessions_app.agents.base import Agent

COMPACT_AT = 0.7  # before `context_window.fit` begins to leave turns out
Resume = Literal["manual", "auto"]


class AgentSettings(BaseModel):
    """One section `[agents.NAME]`. A backend subclasses it, adds its keys and builds its agent.

    Attributes:
        backend: the name under which `registry.BACKENDS` lists the subclass.
        resume: what happens to a run that a crash interrupted: `manual` waits for Retry, `auto` runs it again.
        compact_at: share of the model's window from which on older messages are summarised by themselves; 0 for never.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    backend: str
    resume: Resume = "manual"
    compact_at: float = Field(default=COMPACT_AT, ge=0, le=1)

    def build(self, name: str) -> Agent:
        """The agent these settings describe; no network and no slow import here, so that start stays fast."""
        raise NotImplementedError
