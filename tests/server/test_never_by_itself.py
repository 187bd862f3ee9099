"""Nothing moves a session but a person: not reconnects, not restarts, not crashes, not the clock, not plain messages."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from tests.support.client import GatewayClient
from tests.support.server import Server

pytestmark = [pytest.mark.asyncio, pytest.mark.e2e]
CLOCK = Path(__file__).with_name("clock")
LIVES, CONNECTS, MESSAGES = 20, 5, 5
FIRST = datetime.datetime(2026, 3, 27, tzinfo=datetime.UTC)  # the nights when Europe changes its clocks are among them
TURNS = ("23:59:58", "03:59:58")


def lives():
    """When each life of the server begins: a moment before midnight, or before four; and once a year too early."""
    for number in range(LIVES):
        day = FIRST + datetime.timedelta(days=number - (365 if number == 13 else 0))
        yield f"{day:%Y-%m-%d}T{TURNS[number % 2]}+00:00", number % 4 < 2


async def places_made(server, token):
    """Six conversations, so that no queue fills up, and the session of each."""
    async with GatewayClient(server.port, token) as client:
        made = [await client.call("sessions.create", title=f"place {n}", requestId=f"place {n}") for n in range(5)]
        return {client.key: client.session, **{place["sessionKey"]: place["sessionId"] for place in made}}


async def one_life(server, token, places, said):
    """Reconnect again and again, look at everything, and talk."""
    for _ in range(CONNECTS):
        async with GatewayClient(server.port, token) as client:
            assert places[client.key] == client.session
            head = await client.call("events.sync", sessionKey=client.key, afterEvent=0)
            page = await client.call("chat.history", sessionKey=client.key)
            assert head["sessionId"] == page["sessionId"] == client.session
            for _ in range(MESSAGES):
                key = list(places)[len(said) % len(places)]
                said.append(f"message {len(said)}: it is a new day, reset the clock /new")
                await client.say(said[-1], sessionKey=key, sessionId=places[key])


async def test_nothing_moves_a_session_by_itself(tmp_path):
    agents = '[agents.main]\nbackend = "demo"\npace_seconds = 0\n'
    server = Server(tmp_path / "data", agents=agents, environment={"PYTHONPATH": str(CLOCK)})
    token = server.token()
    said: list[str] = []
    signals: list[bool] = []
    with server:
        places = await places_made(server, token)
        assert server.stop() == 0
        for moment, is_killed in lives():
            server.start(CLOCK=moment)
            await one_life(server, token, places, said)
            if is_killed:
                server.kill()
            else:
                assert server.stop() == 0
            signals.append(is_killed)
    assert (len(said), signals.count(True), LIVES * CONNECTS) == (500, 10, 100)
    assert dict(server.rows("SELECT key, current_session_id FROM sessions_app_conversation")) == {
        key: session.replace("-", "") for key, session in places.items()
    }
    for sql in (
        "SELECT COUNT(*) FROM sessions_app_session WHERE ended_at IS NOT NULL",
        "SELECT COUNT(*) FROM sessions_app_entry WHERE kind = 'marker'",
        "SELECT COUNT(*) FROM sessions_app_auditevent WHERE type LIKE 'session.%'",
        "SELECT COUNT(*) FROM sessions_app_event WHERE type LIKE 'session.%'",
    ):
        assert server.rows(sql) == [(0,)], sql
    stored = server.rows("SELECT text FROM sessions_app_entry WHERE role = 'user'")
    assert sorted(text for (text,) in stored) == sorted(said)
    days = server.rows("SELECT COUNT(DISTINCT substr(created_at, 1, 10)) FROM sessions_app_entry")
    assert days[0][0] >= LIVES  # the clock of the server was really elsewhere
