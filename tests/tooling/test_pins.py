"""The requirements files pin everything, once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN_TIME = {"django", "channels", "daphne", "django-htmx", "pydantic", "psycopg", "openai", "pytest-django"}
TOOLS = {"ruff", "mypy", "playwright", "hypothesis", "import-linter"}


def _pins(name: str) -> list[list[str]]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    words = [line.split("#")[0].strip() for line in lines]
    return [word.split("==") for word in words if word and not word.startswith("-r ")]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_line_is_one_exact_version(name):
    for pin in _pins(name):
        assert len(pin) == 2, pin
        assert re.fullmatch(r"[0-9][0-9a-z.]*", pin[1]), pin


def test_nothing_is_pinned_twice():
    names = [
        re.sub(r"\[.*\]", "", pin[0]).lower()
        for name in ("requirements.txt", "requirements-dev.txt")
        for pin in _pins(name)
    ]
    assert len(names) == len(set(names))


def test_the_run_time_carries_pytest_django_but_no_tools():
    names = {re.sub(r"\[.*\]", "", pin[0]).lower() for pin in _pins("requirements.txt")}
    assert names >= RUN_TIME
    assert not TOOLS & names
