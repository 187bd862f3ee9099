"""`manage.py doctor` as people run it: numbers, JSON, plans, broken pages, and a place it must not touch."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.management.conftest import Place

KEY = "agent:main:main"
WRONG = "UPDATE sessions_app_conversation SET session_count = 5"


@pytest.fixture
def copied(place, tmp_path) -> Place:
    """A place of one's own, cheaper than a new one."""
    shutil.copytree(place.path, tmp_path / "data")
    (tmp_path / "data").chmod(0o700)
    return Place(tmp_path / "data")


def _sql(place, sql):
    with closing(sqlite3.connect(place.path / "holdfast.sqlite3", isolation_level=None)) as raw:
        return raw.execute(sql).fetchall()


def _bytes(place):
    return (place.path / "holdfast.sqlite3").read_bytes()


def test_a_healthy_place_ends_with_0(copied):
    for fast in ([], ["--fast"]):
        said = copied.manage("doctor", "--json", *fast)
        assert (said.code, said.document["ok"], said.document["plan"], said.document["findings"]) == (0, True, None, [])
    assert "No findings" in copied.manage("doctor").out


def test_findings_end_with_1_and_nothing_is_changed(copied):
    _sql(copied, WRONG)
    before = _bytes(copied)
    said = copied.manage("doctor")
    assert said.code == 1
    assert "counts_wrong" in said.out
    assert KEY in said.out
    found = copied.manage("doctor", "--json").document
    assert f"--apply {found['plan']}" in said.out
    (finding,) = found["findings"]
    assert set(finding) == {"id", "code", "severity", "words", "where", "plan"}
    assert _bytes(copied) == before


def test_a_plan_is_carried_out_once_after_a_backup(copied):
    _sql(copied, WRONG)
    plan = copied.manage("doctor", "--json").document["plan"]
    said = copied.manage("doctor", "--apply", plan, "--json")
    assert said.code == 0, said.err
    done = said.document
    assert (done["repaired"], done["left"]["ok"]) == (1, True)
    assert copied.manage("backup", "verify", done["backup"]).code == 0  # a wrong count is no damage of what is stored
    assert copied.manage("doctor").code == 0
    assert copied.manage("doctor", "--apply", plan).code == 1
    assert copied.manage("audit", "verify").code == 0


def test_a_plan_that_is_not_that_of_now_is_refused(copied):
    _sql(copied, WRONG)
    plan = copied.manage("doctor", "--json").document["plan"]
    _sql(copied, "UPDATE sessions_app_conversation SET last_event = 77")
    said = copied.manage("doctor", "--apply", plan, "--json")
    assert said.code == 1
    assert said.document["error"]["code"] == "confirmation_stale"
    assert _sql(copied, "SELECT session_count FROM sessions_app_conversation") == [(5,)]
    assert not (copied.path / "backups").exists()


def test_only_who_may_manage_may_apply(copied):
    _sql(copied, WRONG)
    plan = copied.manage("doctor", "--json").document["plan"]
    said = copied.manage("doctor", "--apply", plan, "--as", "nobody")
    assert said.code == 1


def test_an_index_that_lies_is_built_again(copied):
    _sql(copied, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(copied.path / "holdfast.sqlite3", isolation_level=None)) as raw:
        size = raw.execute("PRAGMA page_size").fetchone()[0]
        root = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'conversation_recent'").fetchone()[0]
    whole = bytearray(_bytes(copied))
    empty = bytes([10, 0, 0, 0, 0, (size >> 8) & 255, size & 255, 0])  # the head of an index page without entries
    whole[(root - 1) * size : root * size] = empty + bytes(size - len(empty))
    (copied.path / "holdfast.sqlite3").write_bytes(whole)
    found = copied.manage("doctor", "--json").document
    assert [f["code"] for f in found["findings"]] == ["index_broken"]
    assert copied.manage("doctor", "--apply", found["plan"]).code == 0
    assert copied.manage("doctor").code == 0


def test_a_broken_page_is_told_and_stops_neither_doctor_nor_backup(copied, tmp_path):
    _sql(copied, "PRAGMA journal_mode = DELETE")
    with closing(sqlite3.connect(copied.path / "holdfast.sqlite3")) as raw:
        size = raw.execute("PRAGMA page_size").fetchone()[0]
        root = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sessions_app_receipt'").fetchone()[0]
    whole = bytearray(_bytes(copied))
    whole[(root - 1) * size : root * size] = b"\xa5" * size
    (copied.path / "holdfast.sqlite3").write_bytes(whole)
    said = copied.manage("doctor", "--json")
    assert said.code == 1
    assert "database_broken" in [f["code"] for f in said.document["findings"]]
    assert copied.manage("backup", str(tmp_path / "x.tar.gz")).code == 0
    assert copied.manage("backup", "verify", str(tmp_path / "x.tar.gz")).code == 1
    assert copied.manage("sessions", "list").code == 0  # the rest goes on


@pytest.mark.parametrize("rubbish", [b"", b"not a database at all" * 500])
def test_a_file_that_is_no_database_is_told_in_words(tmp_path, rubbish):
    place = Place(tmp_path / "data")
    place.path.mkdir(mode=0o700)
    (place.path / "holdfast.sqlite3").write_bytes(rubbish)
    said = place.manage("doctor")
    assert said.code == 1
    assert "Traceback" not in said.err
    assert (place.path / "holdfast.sqlite3").read_bytes() == rubbish


def test_a_database_of_newer_code_is_not_touched(copied):
    _sql(
        copied,
        "INSERT INTO django_migrations (app, name, applied) VALUES ('sessions_app', '9999_future', '2030-01-01')",
    )
    before = _bytes(copied)
    for words in (["doctor"], ["doctor", "--apply", "x"]):
        said = copied.manage(*words)
        assert said.code == 7
        assert "newer" in said.err
    assert _bytes(copied) == before


def test_where_nothing_is_nothing_is_made(empty_place):
    said = empty_place.manage("doctor")
    assert said.code == 1
    assert not (empty_place.path / "holdfast.sqlite3").exists()
