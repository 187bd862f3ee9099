"""A session that nobody uses: ended if hooks.toml says so, and still where it was."""

from __future__ import annotations

import asyncio

import pytest

from sessions_app.models import HookEvent, Span
from sessions_app.runtime.hooks.config import HooksConfig
from sessions_app.runtime.process import process_started, process_stopped
from sessions_app.values import EndReason
from tests.runtime.talk import Talk, stored

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


async def test_an_idle_span_is_closed_once_and_the_next_turn_resumes_the_same_session(world, agent):
    process = await process_started(agent.as_set(), HooksConfig(idle_seconds=1.0))
    talk = await Talk(world, process).watching()
    before = await stored(lambda: world.current)
    agent.answers("hi")
    await talk.say()
    await talk.until_ended("final")
    async with asyncio.timeout(60):
        while not await stored(Span.objects.filter(close_reason=EndReason.IDLE).exists):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert await stored(lambda: world.current) == before
    agent.answers("hi again")
    await talk.say("still there?")
    await talk.until_ended("final", 2)
    await process_stopped(process, reason=EndReason.SHUTDOWN, drain_seconds=0)
    events = await stored(
        lambda: [(e.type, e.payload["reason"]) for e in HookEvent.objects.exclude(type="run_end").order_by("number")]
    )
    assert events == [
        ("session_start", "new"),
        ("session_end", "idle"),
        ("session_start", "resume"),
        ("session_end", "shutdown"),
    ]
