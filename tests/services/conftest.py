"""Fixtures of the verb tests: carrying out a verb by either writer, and hearing what is told after COMMIT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from django.db import connection

from sessions_app.models import Event
from sessions_app.runtime.lane_writer import LaneWriter
from sessions_app.runtime.thread_writer import ThreadWriter
from sessions_app.runtime.writers import InlineWriter, Writer
from sessions_app.values import Effects, Json
from tests.conftest import Perform
from tests.support.world import command

Act = Callable[..., Json]


@pytest.fixture
def act(perform: Perform) -> Act:
    """Carries out a verb: `act(verb, actor, request=…, trigger=…, **params)`, directly and through the server's thread."""
    return lambda verb, actor, request=None, **params: perform(command(verb, actor, request, **params))


@dataclass
class Heard:
    """What a writer published, and what another reader could see at that moment."""

    effects: list[Effects] = field(default_factory=list)
    events_seen: list[int] = field(default_factory=list)
    in_transaction: list[bool] = field(default_factory=list)

    def listen(self, effects: Effects) -> None:
        """Called by the writer, in its own thread."""
        self.effects.append(effects)
        self.in_transaction.append(connection.in_atomic_block)
        self.events_seen.append(Event.objects.filter(conversation__in=effects.pokes).count())


@pytest.fixture
def heard() -> Heard:
    """What `writer` published."""
    return Heard()


@pytest.fixture(params=["inline", "thread"])
def writer(request: pytest.FixtureRequest, heard: Heard) -> Iterator[Writer]:
    """Both homes of the writer; for tests that are transactional, because only then COMMIT is a COMMIT."""
    if request.param == "inline":
        yield InlineWriter(heard.listen)
        return
    writer = (LaneWriter if connection.vendor == "postgresql" else ThreadWriter)(heard.listen)
    writer.start()
    yield writer
    writer.stop()
