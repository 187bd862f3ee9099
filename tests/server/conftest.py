"""A served place for each test, and a model that answers it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.model_server import ModelServer
from tests.support.server import Server, agents_toml


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These start the embedded engine, whatever the other tests run on."""
    if os.environ.get("TEST_ENGINE") == "postgres":
        for item in items:
            if "tests/server" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="the server of these tests is the embedded one"))


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A local model server: a message says how it shall behave."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def server(tmp_path: Path, model: ModelServer) -> Iterator[Server]:
    """A server that is ready."""
    with Server(tmp_path / "data", agents=agents_toml(model.base_url)) as started:
        yield started


@pytest.fixture
def token(server: Server) -> str:
    """Of the administrator."""
    return server.token()
