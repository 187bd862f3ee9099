"""A receiver, and short pauses after failures."""

from __future__ import annotations

import pytest

from sessions_app.runtime.hooks import lane
from tests.support.receiver import SECRET, Receiver


@pytest.fixture
def quick(monkeypatch, settings):
    """Short pauses after a failure, and no runner: the world ends its turns itself."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setattr(lane, "BACKOFF_FIRST_SECONDS", 0.05)
    settings.RUNNER_ENABLED = False
    settings.HOOK_DRAIN_SECONDS = 5.0


@pytest.fixture
def receiver():
    with Receiver() as made:
        yield made
