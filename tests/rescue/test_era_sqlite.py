"""Databases of the SQLite era: a write-ahead log, damage, and a directory half migrated."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from tests.rescue.making import REAL, STORES, Made, codes, read, session_id, sums_hold

EVENT = (
    '{"type":"message","id":"new","parentId":null,"timestamp":"2026-11-20T18:00:00Z",'
    '"message":{"role":"user","content":"in the log"}}'
)


@pytest.fixture
def root(tmp_path):
    shutil.copytree(STORES / REAL[2], tmp_path / "store")
    return tmp_path / "store"


def place(root):
    return root / "agents" / "main" / "agent" / "openclaw-agent.sqlite"


def scanned(root):
    store, _, report = read(root)
    store.ledger.close()
    sums_hold(report)
    return report


def test_what_stands_only_in_the_log_is_read_and_nothing_is_written(root):
    with sqlite3.connect(place(root), isolation_level=None) as db:
        db.create_function("octet_length", 1, lambda x: None if x is None else len(str(x)), deterministic=True)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        session = db.execute("SELECT session_id FROM session_windows ORDER BY 1").fetchone()[0]
        db.execute(
            "INSERT INTO transcript_events(session_id, seq, event_json, created_at) VALUES (?, 999, ?, 1)",
            (session, EVENT),
        )
        before = {p.name: p.read_bytes() for p in place(root).parent.iterdir() if not p.name.endswith("-shm")}
        assert before[place(root).name + "-wal"]
        report = scanned(root)
        assert {p.name: p.read_bytes() for p in place(root).parent.iterdir() if not p.name.endswith("-shm")} == before
    db.close()
    assert report["totals"]["lines"] == 377
    assert any(row.get("lastWords") == "in the log" for row in report["files"])


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00" + b"\x00" * 5000, b"no database at all" * 99])
def test_a_file_that_is_no_database_is_a_finding(root, content):
    place(root).write_bytes(content)
    report = scanned(root)
    assert report["totals"]["adopted"] == 7  # the compressed archive beside it
    assert codes(report)["database-unreadable"] + codes(report)["database-damaged"] == 1


def test_a_database_torn_in_its_middle_gives_what_can_be_read(root):
    raw = bytearray(place(root).read_bytes())
    raw[len(raw) // 3 : len(raw) // 2] = b"\xff" * (len(raw) // 2 - len(raw) // 3)
    place(root).write_bytes(raw)
    scanned(root)


def test_two_eras_in_one_directory_are_told(root, tmp_path):
    made = Made(tmp_path / "old")
    made.live("agent:main:old", session_id(1), ["one", "two"])
    shutil.copytree(made.sessions, root / "agents" / "main" / "sessions", dirs_exist_ok=True)
    report = scanned(root)
    assert codes(report)["half-migrated"] == 1
    assert "agent:main:old" in [group["sessionKey"] for group in report["keys"]]
