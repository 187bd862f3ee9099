"""Commands as people run them: a process, a data directory of its own, and what it said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Place:
    """A data directory, and commands on it."""

    path: Path

    def environment(self) -> dict[str, str]:
        """What a shell would have: none of what the tests themselves run under."""
        own = {
            name: value for name, value in os.environ.items() if name not in {"DJANGO_SETTINGS_MODULE", "DATABASE_URL"}
        }
        return {**own, "HOLDFAST_DATA_DIR": str(self.path), "PYTHONWARNINGS": "error"}

    def manage(self, *words: str) -> Said:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def empty_place(tmp_path) -> Place:
    return Place(tmp_path / "data")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    """One place for a whole module: making one takes a second."""
    made = Place(tmp_path_factory.mktemp("place") / "data")
    assert made.manage("sessions", "list").code == 0
    return made
