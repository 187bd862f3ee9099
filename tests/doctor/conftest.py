"""A talkative world in a database file of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from sessions_app.models import Session
from sessions_app.services.branches import position_branch
from sessions_app.services.conversations import conversation_create
from sessions_app.services.instances import spans_recover
from sessions_app.values import SYSTEM
from tests.doctor.place import Patient
from tests.support.world import World


@pytest.fixture
def patient(world: World, tmp_path, monkeypatch) -> Iterator[Patient]:
    """Conversations with archives, a branch, answers, audit rows and events; nothing is wrong with any of it."""
    if connection.vendor != "sqlite":
        pytest.skip("damage is made in SQLite's file")
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    monkeypatch.setattr(settings, "DATA_DIR", data_dir)
    for number in range(3):
        world.talk(f"question {number}", f"answer {number}")
    archived = world.current
    world.reset(reason="weekend")
    world.talk("monday", "good morning")
    branch = world.do(position_branch, session_key=world.key, session_id=archived, seq=4, title="another way")
    other = world.do(conversation_create, title="other", session_key="agent:main:other")
    world.do(spans_recover, SYSTEM, instance_id=uuid.uuid4(), alive_since=timezone.now())
    yield Patient(
        world=world,
        file=Path(str(connection.settings_dict["NAME"])),
        archived=archived,
        branch=uuid.UUID(branch["sessionId"]),
        other=uuid.UUID(other["sessionId"]),
        owner_id=Session.objects.get(pk=archived).conversation_id,
    )
    connection.close()
