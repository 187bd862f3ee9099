"""The timeline page: every edge is there to walk, without a script."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from sessions_app.services.checkpoints import checkpoint_create
from tests.support.world import World

pytestmark = pytest.mark.django_db


def test_a_reset_is_told_with_its_reason_and_can_be_walked(world: World, ana: Client) -> None:
    world.talk("one", "two")
    old = world.reset(reason="a <fresh> start")["oldSessionId"]
    html = ana.get(f"/chat/{world.key}/moves/").content.decode()
    assert "a &lt;fresh&gt; start" in html
    assert f'href="/chat/{world.key}/archives/{old}/"' in html
    assert f"/compare/?one={old}&amp;other={world.current}" in html
    undo = re.search(r'<button[^>]*form="act-restore"[^>]*value="([^"]+)">Undo', html)
    assert undo is not None
    assert undo.group(1) == old


def test_a_checkpoint_can_be_previewed_compared_and_restored(world: World, ana: Client) -> None:
    world.talk("one", "two")
    made = world.do(checkpoint_create, session_key=world.key, session_id=world.current, label="here")
    html = ana.get(f"/chat/{world.key}/moves/").content.decode()
    assert f"/checkpoints/{made['checkpointId']}/" in html
    assert f'form="act-checkpoint-restore" name="checkpoint_id" value="{made["checkpointId"]}"' in html
    assert f"/compare/?one={world.current}&amp;at=2" in html


def test_older_moves_are_on_a_page_of_their_own(world: World, ana: Client) -> None:
    for _ in range(51):
        world.reset()
    first = ana.get(f"/chat/{world.key}/moves/").content.decode()
    assert "Created" not in first
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older is not None
    last = ana.get(older.group(1).replace("&amp;", "&")).content.decode()
    assert "Created" in last
    assert last.count('class="stop') - last.count('class="stop-') == 2
