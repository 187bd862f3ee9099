"""The promise that every session can be reached is computed, and red when it does not hold."""

from __future__ import annotations

import pytest
from django.utils import timezone

from sessions_app.errors import ForbiddenError
from sessions_app.models import Session
from sessions_app.selectors.reachable import reachable, reachable_counted
from tests.support.world import World

pytestmark = pytest.mark.django_db


def test_current_and_archived_sessions_are_reachable(world: World) -> None:
    world.talk()
    world.reset()
    assert reachable_counted(world.ana.user_id) == {"sessions": 2, "lost": [], "lostCount": 0}
    assert reachable_counted(world.bob.user_id)["sessions"] == 0
    assert reachable_counted(None)["sessions"] == Session.objects.count()


def test_a_session_that_no_list_shows_is_named(world: World) -> None:
    stray = Session.objects.create(conversation=world.conversation, started_at=timezone.now())
    found = reachable_counted(world.ana.user_id)
    assert found["lost"] == [{"sessionId": str(stray.pk), "problem": "it is neither current nor among the archives"}]
    assert (found["sessions"], found["lostCount"]) == (2, 1)


def test_a_lineage_that_is_too_short_is_named(world: World) -> None:
    now = timezone.now()
    parent = world.session
    torn = Session.objects.create(
        conversation=world.conversation,
        parent=parent,
        parent_seq=9,
        last_seq=9,
        started_at=now,
        ended_at=now,
        end_reason="reset",
        end_trigger="rpc",
    )
    assert [row["sessionId"] for row in reachable_counted(None)["lost"]] == [str(torn.pk)]


def test_who_may_not_see_all_is_told_of_their_own_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sessions_app.selectors.reachable._kept", {})
    assert reachable(world.ana)["sessions"] == 1
    with pytest.raises(ForbiddenError):
        reachable(world.ana, everyone=True)
