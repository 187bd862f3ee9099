"""What the import of 2026.9 leaves: a database, and the originals under new names beside it. Names as the real program gives them."""

from __future__ import annotations

import json

import pytest

from sessions_app.rescue.names import FileKind, named
from tests.rescue.making import KEY, Made, codes, read, session_id, sums_hold, talk

A, B = session_id(1), session_id(2)
OWN = "43b7e8c5-9ec7-43e7-b21e-01ca6dc31b5e"
ASIDE = "agents/main/session-sqlite-import-archive"
WORDS = ["one", "two", "three", "four"]


@pytest.mark.parametrize(
    ("name", "kind", "base"),
    [
        (f"agent_main_main.{A}.jsonl.imported-1795579267886", FileKind.IMPORTED, A),
        (
            f"agent_main_dashboard_{B}.2026-11-25T03-46-44-692Z_{A}.jsonl.imported-1795579267887",
            FileKind.IMPORTED,
            f"2026-11-25T03-46-44-692Z_{A}",
        ),
        (f"agent_main_my.project.{A}.trajectory.jsonl.imported-1795579267886", FileKind.TRAJECTORY, A),
        (f"agent_main_main.{A}.trajectory-path.json.imported-1795579267886", FileKind.POINTER, A),
        (f"archive-tier.{A}.checkpoint.{OWN}.jsonl.imported-1795579267906", FileKind.CHECKPOINT, A),
        (f"archive-tier.{A}.jsonl.reset.2026-11-25T03-46-07.422Z.imported-1795579267906", FileKind.RESET, A),
        ("legacy-store.sessions.json.imported-1795579268000", FileKind.INDEX_BACKUP, "sessions"),
    ],
)
def test_a_file_the_import_put_aside_is_what_it_was(name, kind, base):
    found = named(f"{ASIDE}/{name}")
    assert (found.kind, found.base, found.agent) == (kind, base, "main")


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path / "store")


def put_aside(made):
    """A store after an import whose database is gone: all that is left are the originals."""
    record = {
        "checkpointId": "0c271ad2-9d97-477f-b5f1-1701bf6e3029",
        "sessionKey": KEY,
        "sessionId": A,
        "createdAt": 1795193000000,
        "reason": "manual",
        "summary": "what was said so far",
        "preCompaction": {"sessionId": A, "sessionFile": f"/home/user/{A}.checkpoint.{OWN}.jsonl", "leafId": "m1"},
        "postCompaction": {"sessionId": A},
    }
    row = {"sessionId": A, "sessionFile": f"/home/user/{A}.jsonl", "updatedAt": 1795193836948}
    made.rows = {KEY: row | {"compactionCheckpoints": [record]}}
    aside = made.root / ASIDE
    aside.mkdir()

    def file(name, lines):
        (aside / name).write_bytes(b"\n".join(lines) + b"\n")

    file("legacy-store.sessions.json.imported-1795579268000", [json.dumps(made.rows).encode()])
    file(f"agent_main_main.{A}.jsonl.imported-1795579267886", talk(A, WORDS))
    file(f"archive-tier.{A}.checkpoint.{OWN}.jsonl.imported-1795579267906", talk(A, WORDS[:2]))


def test_without_the_database_the_originals_bring_everything_back(made):
    put_aside(made)
    store, _, report = read(made.root)
    store.ledger.close()
    sums_hold(report)
    (group,) = report["keys"]
    (session,) = group["sessions"]
    assert (group["sessionKey"], session["sessionId"], session["isCurrent"], session["lines"]) == (KEY, A, True, 4)
    (point,) = report["checkpoints"]
    assert point["label"] == "Before compaction (manual): what was said so far"
    assert codes(report)["older-index-used"] == 1


def test_an_index_that_has_rows_is_not_overruled_by_an_older_one(made):
    put_aside(made)
    made.live("agent:main:other", B, WORDS)
    made.row(KEY, B)
    made.rows.pop(KEY)
    made.row("agent:main:other", B)
    store, _, report = read(made.root)
    store.ledger.close()
    assert "older-index-used" not in codes(report)
    current = {s["sessionId"] for group in report["keys"] for s in group["sessions"] if s["isCurrent"]}
    assert current == {B}


@pytest.mark.parametrize("index", [b"", b"{}", b"\x00" * 40])
def test_an_index_that_was_lost_or_overwritten_is_read_from_its_backup(made, index):
    made.live(KEY, A, WORDS)
    made.live("agent:main:other", B, ["five", "six"])
    (made.sessions / "sessions.json.bak.1795193836948").write_bytes((made.sessions / "sessions.json").read_bytes())
    (made.sessions / "sessions.json").write_bytes(index)
    store, _, report = read(made.root)
    store.ledger.close()
    current = {
        group["sessionKey"]: s["sessionId"] for group in report["keys"] for s in group["sessions"] if s["isCurrent"]
    }
    assert current == {KEY: A, "agent:main:other": B}
    assert codes(report)["older-index-used"] == 1
