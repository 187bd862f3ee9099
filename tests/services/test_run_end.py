"""The open runs of a session are found without walking all it ever had."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sessions_app.selectors.conversations import conversation_get
from sessions_app.services._run_end import open_runs
from sessions_app.services.turns import turn_submit
from tests.support.world import World, command

pytestmark = pytest.mark.django_db


def plans(captured: CaptureQueriesContext) -> list[str]:
    """How SQLite walks the runs in each captured query that asks for open ones."""
    asked = [q["sql"] for q in captured if "sessions_app_run" in q["sql"] and "('queued', 'running')" in q["sql"]]
    assert asked
    with connection.cursor() as cursor:
        return [" / ".join(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()) for sql in asked]


@pytest.mark.parametrize(
    "call",
    [
        lambda world: open_runs(world.current),
        lambda world: conversation_get(world.ana, session_key=world.key),
        lambda world: turn_submit(
            command(turn_submit, world.ana).call, session_key=world.key, session_id=world.current, message="more"
        ),
        lambda world: world.claim(),
    ],
    ids=["reset and restore", "lists", "send", "claim"],
)
def test_open_runs_come_from_their_own_index(world: World, call):
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's planner is the one that goes astray")
    world.talk()
    world.say()
    with CaptureQueriesContext(connection) as captured:
        call(world)
    assert [plan for plan in plans(captured) if "run_of_turn" in plan] == []


def test_the_oldest_turn_comes_first(world: World):
    sent = [world.say(str(number))["runId"] for number in range(3)]
    assert [str(run.pk) for run in open_runs(world.current)] == sent
