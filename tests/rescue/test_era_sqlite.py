"""Databases of the SQLite era: a write-ahead log, damage, and a directory half migrated."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import zstandard

from sessions_app.rescue.scan import store_read
from sessions_app.rescue.torn_database import rows_saved
from tests.rescue.making import REAL, STORES, Made, codes, read, session_id, sums_hold, talk

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


@contextmanager
def writable(path):
    """A connection for changes; the schema checks sizes with a function that this SQLite may lack."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.create_function("octet_length", 1, lambda value: None if value is None else len(value), deterministic=True)
        yield db


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


def test_an_earlier_window_of_a_key_ended_when_and_why_the_next_one_began(root):
    with writable(place(root)) as db:
        db.execute("PRAGMA foreign_keys=OFF")
        key, current = "agent:main:project-alpha", session_id(77)
        sql = "SELECT current_session_id FROM session_nodes WHERE session_key = ?"
        old = db.execute(sql, (key,)).fetchone()[0]
        columns = [row[1] for row in db.execute("PRAGMA table_info(session_windows)")]
        row = dict(
            zip(
                columns,
                db.execute("SELECT * FROM session_windows WHERE session_id = ?", (old,)).fetchone(),
                strict=True,
            )
        )
        row |= {"session_id": current, "previous_session_id": old, "reason": "rollover", "created_at": 1795200000000}
        marks = ",".join("?" * len(columns))
        db.execute(f"INSERT INTO session_windows({','.join(columns)}) VALUES ({marks})", list(row.values()))
        db.execute("UPDATE session_nodes SET current_session_id = ? WHERE session_key = ?", (current, key))
        sql = "INSERT INTO transcript_events(session_id, seq, event_json, created_at) VALUES (?, 1, ?, 1)"
        db.execute(sql, (current, EVENT))
    for _ in range(2):  # and again when its header is gone
        (group,) = [group for group in scanned(root)["keys"] if group["sessionKey"] == key]
        assert [
            (row["foreignId"], row["isCurrent"], row["endReason"], row["endedAt"]) for row in group["sessions"]
        ] == [
            (old, False, "idle", "2026-11-20T18:40:00+00:00"),
            (current, True, None, None),
        ]
        raw = bytearray(place(root).read_bytes())
        raw[:100] = bytes(100)
        place(root).write_bytes(raw)


def test_a_cold_archive_inside_the_database_is_read(root):
    session, blob = (
        session_id(78),
        zstandard.ZstdCompressor().compress(b"\n".join(talk(session_id(78), ["cold", "words"]))),
    )
    with closing(sqlite3.connect(place(root), isolation_level=None)) as db:
        window = {"session_id": session, "session_key": "agent:main:main", "created_at": 1, "updated_at": 1}
        cold = {
            "session_id": session,
            "generation": "g",
            "archive_name": f"{session}.jsonl.zst",
            "archive_sha256": "0" * 64,
        }
        cold |= {"event_count": 3, "raw_bytes": 9, "archive_bytes": 9, "last_seq": 2, "archived_at": 1}
        cold |= {"storage": "sqlite", "archive_blob": blob}
        for table, row in (("session_windows", window), ("session_transcript_cold_archives", cold)):
            marks = ",".join("?" * len(row))
            db.execute(f"INSERT INTO {table}({','.join(row)}) VALUES ({marks})", list(row.values()))
    for _ in range(2):  # and again when its header is gone
        (group,) = [each for each in scanned(root)["keys"] if each["sessionKey"] == "agent:main:main"]
        rows = [(row["foreignId"], row["kind"], row["endReason"]) for row in group["sessions"]]
        assert (session, "cold-archive", "idle") in rows
        raw = bytearray(place(root).read_bytes())
        raw[:100] = bytes(100)
        place(root).write_bytes(raw)


def archived(root, blob, encoding):
    """Put an archive of a deleted session into the database."""
    row = {"session_id": session_id(79), "session_key": "agent:main:main", "agent_id": "main", "reason": "deleted"}
    row |= {
        "encoding": encoding,
        "archive_blob": blob,
        "archive_name": f"{session_id(79)}.jsonl.deleted.x",
        "published_at": 1,
    }
    with closing(sqlite3.connect(place(root), isolation_level=None)) as db:
        for _, name, kind, needed, default, _ in db.execute(
            "PRAGMA table_info(session_transcript_archives)"
        ).fetchall():
            if needed and default is None and name not in row:
                row[name] = 1 if "INT" in kind else "0" * 64
        known = {name for _, name, *_ in db.execute("PRAGMA table_info(session_transcript_archives)")}
        row = {name: value for name, value in row.items() if name in known}
        marks = ",".join("?" * len(row))
        db.execute(f"INSERT INTO session_transcript_archives({','.join(row)}) VALUES ({marks})", list(row.values()))


@pytest.mark.parametrize(("cut", "lines"), [(0, 201), (60, 0), (None, 0)])
def test_an_archive_inside_the_database_says_when_it_cannot_be_unpacked(root, cut, lines):
    whole = zstandard.ZstdCompressor().compress(
        b"\n".join(talk(session_id(79), [f"word {n}" for n in range(200)])) + b"\n"
    )
    archived(root, b"no archive" if cut is None else whole[: len(whole) - cut], "zstd")
    report = scanned(root)
    assert ("compressed-broken" in codes(report)) is (cut != 0)
    (row,) = [row for row in report["files"] if f"#archive/{session_id(79)}" in row["path"]]
    assert row.get("accounts", {}).get("lines", 0) == lines


def test_an_error_that_is_no_text_stops_nothing(root):
    raw = bytearray(place(root).read_bytes())
    at = raw.index(b"CREATE INDEX idx_")
    raw[at + 13] = 0xD7
    place(root).write_bytes(raw)
    report = scanned(root)
    assert codes(report)["database-damaged"] == 1
    assert report["totals"]["lines"] == 376


def test_an_index_of_events_with_a_wrong_byte_hides_no_event(root):
    session = b"305b809f-7a3f-46cc-b033-4e425c934e9d"
    raw = bytearray(place(root).read_bytes())
    size, at, changed = int.from_bytes(raw[16:18], "big"), -1, 0
    while (at := raw.find(session, at + 1)) >= 0:
        if raw[at - at % size] == 10:  # a leaf of an index
            raw[at + 10] = 0xB2
            changed += 1
    place(root).write_bytes(raw)
    report = scanned(root)
    assert changed
    assert report["totals"]["lines"] == 376


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00" + b"\x00" * 5000, b"no database at all" * 99])
def test_a_file_that_is_no_database_is_a_finding(root, content):
    place(root).write_bytes(content)
    report = scanned(root)
    assert report["totals"]["adopted"] == 7  # the compressed archive beside it
    assert codes(report)["database-unreadable"] + codes(report)["database-damaged"] == 1


def events(root) -> set[bytes]:
    """Every line the scan found in the database, as it stands there."""
    with store_read(root) as store:
        sql = "SELECT f.place, l.offset, l.size FROM line l JOIN file f ON f.id = l.file WHERE f.part LIKE 'transcript_events/%'"
        return {Path(os.fsdecode(file)).read_bytes()[at : at + size] for file, at, size in store.ledger.rows(sql)}


def broken(root, begin, end, content=b"\xff"):
    with place(root).open("r+b") as file:
        file.seek(begin)
        file.write(content * (end - begin))


PAGE = 4096
REACH = 1000  # bytes; a longer event may go on in another page


def test_the_pages_of_a_whole_database_give_the_same_rows_as_it_does(root, tmp_path):
    assert rows_saved(place(root), tmp_path / "saved") > 300
    with closing(sqlite3.connect(place(root))) as whole, closing(sqlite3.connect(tmp_path / "saved")) as saved:
        whole.text_factory = saved.text_factory = bytes
        for table in ("session_nodes", "session_windows", "transcript_events", "trajectory_runtime_events"):
            names = [row[1].decode() for row in saved.execute(f"PRAGMA table_info({table})")]
            sql = f"SELECT {', '.join(names)} FROM {table} ORDER BY 1, 2"
            rows = [
                [str(value).encode() if isinstance(value, int) else value for value in row]
                for row in whole.execute(sql)
            ]
            found = [
                [str(value).encode() if isinstance(value, int) else value for value in row]
                for row in saved.execute(sql)
            ]
            assert found == rows, table


def test_a_broken_page_costs_what_lies_on_it_and_nothing_else(root):
    everything, pages = events(root), place(root).stat().st_size // PAGE
    whole = place(root).read_bytes()
    costly = 0
    for number in range(2, pages + 1, 7):
        place(root).write_bytes(whole)
        broken(root, (number - 1) * PAGE, number * PAGE)
        lost = everything - events(root)
        on_it = whole[(number - 1) * PAGE : number * PAGE]
        assert all(line[:60] in on_it or len(line) > REACH for line in lost), number
        costly += bool(lost)
    assert 0 < costly < pages // 7


@pytest.mark.parametrize(("begin", "end"), [(0, 16), (0, 100), (0, PAGE), (100, 200)])
def test_a_database_without_its_beginning_gives_every_event(root, begin, end):
    everything = events(root)
    broken(root, begin, end, b"\x00")
    assert events(root) == everything
    report = scanned(root)
    assert codes(report)["database-damaged"] >= 1
    assert {group["sessionKey"] for group in report["keys"]} >= {"agent:main:main"}


def test_a_database_that_was_cut_gives_what_is_left(root):
    everything, whole = events(root), place(root).read_bytes()
    places = sorted(whole.find(line) for line in everything if line in whole)
    cut = places[len(places) // 2] // PAGE * PAGE + 100  # in the middle of a page
    place(root).write_bytes(whole[:cut])
    found = events(root)
    kept = {line for line in everything if line in whole[: cut // PAGE * PAGE] and len(line) < REACH}
    assert len(kept) > 20
    assert kept <= found < everything
    assert codes(scanned(root))["database-damaged"] >= 1


def test_an_index_that_forgot_a_row_hides_nothing(root):
    everything = events(root)
    with closing(sqlite3.connect(place(root), isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        made = "CREATE UNIQUE INDEX forgets ON transcript_events(session_id, seq) WHERE seq > 2"
        root_page = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_transcript_events_1'"
        ).fetchone()
        db.create_function("octet_length", 1, lambda value: None if value is None else len(value), deterministic=True)
        db.execute(made)
        partial = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'forgets'").fetchone()[0]
        db.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'forgets'", root_page)
        db.execute(
            "UPDATE sqlite_master SET rootpage = ? WHERE name = 'sqlite_autoindex_transcript_events_1'", [partial]
        )
    assert events(root) == everything


def test_what_was_deleted_stays_deleted(root):
    with writable(place(root)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        session = db.execute("SELECT session_id FROM transcript_events GROUP BY 1 ORDER BY count(*) DESC").fetchone()[0]
        gone = {
            row[0].encode()
            for row in db.execute("SELECT event_json FROM transcript_events WHERE session_id = ?", [session])
            if row[0]
        }
        db.execute("DELETE FROM transcript_events WHERE session_id = ?", [session])
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = events(root)
    broken(root, 100, 200, b"\x00")
    assert len(gone) > 20
    assert events(root) == left


def test_two_eras_in_one_directory_are_told(root, tmp_path):
    made = Made(tmp_path / "old")
    made.live("agent:main:old", session_id(1), ["one", "two"])
    shutil.copytree(made.sessions, root / "agents" / "main" / "sessions", dirs_exist_ok=True)
    report = scanned(root)
    assert codes(report)["half-migrated"] == 1
    assert "agent:main:old" in [group["sessionKey"] for group in report["keys"]]


def test_a_row_that_shows_nothing_hides_no_transcript_of_the_other_era(root):
    """Half migrated: the database has the key's row already, and its transcript still lies in its file."""
    made = Made(root / "half")
    shutil.rmtree(made.root)
    made.sessions = root / "agents" / "main" / "sessions"
    made.sessions.mkdir(parents=True, exist_ok=True)
    made.live("agent:main:halfway", session_id(80), ["still", "here"])
    with closing(sqlite3.connect(place(root), isolation_level=None)) as db:
        entry = json.dumps({"sessionId": session_id(81), "updatedAt": 1995193836948})
        sql = "INSERT INTO session_nodes(session_key, current_session_id, entry_json, updated_at) VALUES (?, ?, ?, 1)"
        db.execute(sql, ("agent:main:halfway", session_id(81), entry))
    (group,) = [each for each in scanned(root)["keys"] if each["sessionKey"] == "agent:main:halfway"]
    assert [(row["foreignId"], row["isCurrent"]) for row in group["sessions"]] == [(session_id(80), True)]


def test_it_is_told_how_far_one_long_file_is_read_whether_packed_or_a_database(root):
    lines = b"\n".join(talk(session_id(70), ["again and again"] * 20_000))
    packed = root / "agents/main/sessions" / f"{session_id(70)}.jsonl.reset.2026-11-20T17-05-00.000Z.zst"
    packed.parent.mkdir(exist_ok=True)
    packed.write_bytes(zstandard.compress(lines))
    with writable(place(root)) as db:
        session = db.execute("SELECT session_id FROM session_windows ORDER BY 1").fetchone()[0]
        sql = "INSERT INTO transcript_events(session_id, seq, event_json, created_at) VALUES (?, ?, ?, 1)"
        db.executemany(sql, ((session, 1000 + n, EVENT.replace('"new"', f'"n{n}"')) for n in range(5000)))
    told: list[tuple[int, int, str]] = []
    with store_read(root, lambda *facts: told.append(facts)):
        pass
    for path in (packed, place(root)):
        assert sum(name == str(path.relative_to(root)) for _, _, name in told) > 5
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][0] == told[-1][1]


def test_a_log_whose_database_is_gone_is_read_as_that_database(root):
    whole, database = scanned(root)["totals"], place(root)
    again = database.with_name("again.sqlite")
    database.rename(again)
    log = database.with_name(database.name + "-wal")
    with writable(again) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute("VACUUM")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
        db.execute("VACUUM")  # every page goes through the log
        shutil.copy(f"{again}-wal", log)
    again.unlink()
    report = scanned(root)
    assert report["totals"]["lines"] == whole["lines"]
    assert codes(report)["database-damaged"] == 1
    log.write_bytes(log.read_bytes()[:20])
    assert scanned(root)["totals"]["lines"] < whole["lines"]


def test_a_view_that_never_ends_is_not_asked(root):
    with closing(sqlite3.connect(place(root), isolation_level=None)) as db:
        db.execute("CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n")
    report = scanned(root)
    assert report["totals"]["lines"] > 300
    assert codes(report)["database-damaged"] == 1
