"""Compaction for those who wait in a thread of their own: pages, `/rpc` and commands."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from django.conf import settings

from sessions_app.agents.config import AGENTS_TOML, AgentSet, agents_load
from sessions_app.runtime import process as processes
from sessions_app.runtime import writers
from sessions_app.runtime.compaction import Compactor, Wanted, again, asked
from sessions_app.selectors.compaction import CompactionPlan, compaction_plan, receipt_kept
from sessions_app.values import Command, Json


def compacted(wanted: Wanted) -> Json:
    """Summarise a session and store the summary: by the serving process if there is one here, else with an agent of one's own.

    Raises:
        HoldfastError: as `compaction.compact`; nothing was changed.
    """
    writer, actor = writers.current(), wanted.call.actor
    kept = receipt_kept(actor.ref, wanted.call.request_id)
    if kept is not None:
        return writer.call(again(wanted, kept))
    process = processes.current_if_any()
    if process is None:
        agents = agents_load(settings.DATA_DIR / AGENTS_TOML)
        return writer.call(asyncio.run(_alone(agents, wanted)))
    process.refuse_when_draining()
    compactor = process.runner.compactor
    plan = compaction_plan(actor, **asked(compactor.agents, wanted))
    return writer.call(compactor.command_waiting(wanted, plan))


def _alone(agents: AgentSet, wanted: Wanted) -> Coroutine[Any, Any, Command]:
    """Look here, in the caller's thread and on its connection; only the agent's part runs in an event loop."""
    plan = compaction_plan(wanted.call.actor, **asked(agents, wanted))
    return _written(agents, wanted, plan)


async def _written(agents: AgentSet, wanted: Wanted, plan: CompactionPlan) -> Command:
    try:
        return await Compactor(agents).command(wanted, plan)
    finally:
        await agents.aclose()
