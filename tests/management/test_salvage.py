"""Broken pages of a real database file: what can be read comes back, the old file is kept, and a second look finds nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.management.conftest import ROOT, Place
from tests.support.server import Server

ENTRIES = 400


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """A place with some hundred entries, and runs, events and audit rows beside them."""
    made = Place(tmp_path_factory.mktemp("filled") / "data")
    assert made.manage("sessions", "list").code == 0
    seed = [sys.executable, "-m", "bench.seed", "--conversations", "4", "--entries", str(ENTRIES)]
    environment = {**os.environ, "HOLDFAST_DATA_DIR": str(made.path), "DJANGO_SETTINGS_MODULE": "controlui.settings"}
    subprocess.run(seed, cwd=ROOT, env=environment, check=True, capture_output=True)
    with closing(sqlite3.connect(made.path / "holdfast.sqlite3")) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return made.path


@pytest.fixture
def place(filled, tmp_path) -> Place:
    """A copy of it, to be damaged."""
    shutil.copytree(filled, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    return Place(tmp_path / "data")


def ask(place: Place, sql: str, *values: object) -> list[tuple]:
    with closing(sqlite3.connect(place.path / "holdfast.sqlite3")) as raw:
        return raw.execute(sql, values).fetchall()


def break_page(place: Place, name: str, kind: str = "leaf") -> None:
    """Overwrite a page in the middle of a table or an index, as a bad block does."""
    try:
        pages = [
            number for (number,) in ask(place, "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ?", name, kind)
        ]
        ((size,),) = ask(place, "PRAGMA page_size")
    except sqlite3.OperationalError:
        pytest.skip("this SQLite cannot say where its pages lie")
    assert pages, f"{name} has no {kind} page"
    with (place.path / "holdfast.sqlite3").open("r+b") as file:
        file.seek((pages[len(pages) // 2] - 1) * size)
        file.write(b"\xaa" * size)


def healed(place: Place) -> list[str]:
    """Examine and apply until nothing is found; which kinds of findings there were."""
    seen: list[str] = []
    for _ in range(4):
        found = place.manage("doctor", "--json")
        if found.code == 0:
            return seen
        seen += [finding["code"] for finding in found.document["findings"]]
        assert found.document["plan"], found.document
        done = place.manage("doctor", "--apply", found.document["plan"], "--json")
        assert "error" not in done.document, done.document
        assert Path(done.document["backup"]).exists()
    raise AssertionError(f"it does not get well: {seen}, then {found.document}")


@pytest.mark.parametrize(
    ("name", "loss_max"),
    [
        ("sessions_app_entry", 40),
        ("sessions_app_auditevent", 0),
        ("entry_seq_once", 0),
    ],
)
def test_a_broken_page_costs_what_lay_on_it_and_nothing_else(place, name, loss_max):
    names = {row[0] for row in ask(place, "SELECT name FROM sqlite_master")}
    if name == "entry_seq_once":
        name = next(
            each
            for each in sorted(names)
            if each.startswith("sqlite_autoindex_sessions_app_entry") or ("entry" in each and "index" in each)
        )
    ((before,),) = ask(place, "SELECT COUNT(*) FROM sessions_app_entry")
    sessions = ask(place, "SELECT id FROM sessions_app_session ORDER BY id")
    if name not in names or not ask(place, "SELECT 1 FROM dbstat WHERE name = ? AND pagetype = 'leaf'", name):
        pytest.skip(f"{name} is too small for a page of its own here")
    break_page(place, name)
    seen = healed(place)
    assert {"database_broken", "index_broken"} & set(seen), seen
    ((after,),) = ask(place, "SELECT COUNT(*) FROM sessions_app_entry")
    assert before - loss_max <= after <= before
    assert ask(place, "SELECT id FROM sessions_app_session ORDER BY id") == sessions
    assert ask(place, "PRAGMA integrity_check") == [("ok",)]
    if "database_broken" in seen:
        assert list(place.path.glob("holdfast.sqlite3.broken-*"))
    if loss_max:
        assert after < before
        assert "transcript_damaged" in seen
    with Server(place.path, environment={"HOLDFAST_RUNNER": "false"}) as server:
        assert server.stop() == 0


def test_while_a_server_runs_it_is_refused_in_words_and_nothing_is_changed(place):
    break_page(place, "sessions_app_entry")
    with Server(place.path, environment={"HOLDFAST_RUNNER": "false"}) as server:
        found = place.manage("doctor", "--json").document
        said = place.manage("doctor", "--apply", found["plan"])
        assert said.code == 1
        assert "Stop the server, then apply this plan again. Nothing was changed." in said.err
        assert not list(place.path.glob("*.broken-*"))
        assert server.stop() == 0
    assert "transcript_damaged" in healed(place)
