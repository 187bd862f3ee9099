"""`--data-dir` may stand anywhere and is read before Django loads."""

from __future__ import annotations

import os

import pytest

from manage import take_data_dir


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("HOLDFAST_DATA_DIR", "/before")


@pytest.mark.parametrize(
    "line",
    [
        ["manage.py", "--data-dir", "/here", "sessions", "list"],
        ["manage.py", "sessions", "--data-dir", "/here", "list"],
        ["manage.py", "sessions", "list", "--data-dir", "/here"],
        ["manage.py", "sessions", "--data-dir=/here", "list"],
    ],
)
def test_data_dir_is_taken_from_anywhere_on_the_line(line):
    assert take_data_dir(line) == ["manage.py", "sessions", "list"]
    assert os.environ["HOLDFAST_DATA_DIR"] == "/here"


def test_a_line_without_it_is_left_alone():
    assert take_data_dir(["manage.py", "serve", "--port", "1"]) == ["manage.py", "serve", "--port", "1"]
    assert os.environ["HOLDFAST_DATA_DIR"] == "/before"


@pytest.mark.parametrize("line", [["manage.py", "serve", "--data-dir"], ["manage.py", "--data-dir=", "serve"]])
def test_data_dir_without_a_path_is_refused_in_words(line):
    with pytest.raises(SystemExit, match="needs a path"):
        take_data_dir(line)
