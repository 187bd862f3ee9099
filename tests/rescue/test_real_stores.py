"""The stores the real programs wrote; counts were looked at by hand first."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.rescue.making import REAL, STORES, codes, read, sums_hold

LINES = {REAL[0]: 210, REAL[1]: 268, REAL[2]: 376}
SESSIONS = {
    REAL[0]: {"main": 4, "checkpoints": 2, "truncated": 2, "aborted": 2, "project-alpha": 1, "unfiled": 1},
    REAL[1]: {"main": 5, "checkpoints": 2, "truncated": 2, "aborted": 2, "project-alpha": 2, "unfiled": 1},
    REAL[2]: {"main": 3, "checkpoints": 1, "truncated": 2, "aborted": 1, "project-alpha": 1, "scratch": 1},
}
CHECKPOINTS = {REAL[0]: 3, REAL[1]: 3, REAL[2]: 0}


@pytest.fixture(params=REAL)
def scanned(request):
    store, plan, report = read(STORES / request.param)
    yield request.param, plan, report
    store.ledger.close()


def test_every_file_and_every_line_is_accounted_for(scanned):
    name, _, report = scanned
    sums_hold(report)
    on_disk = [p for p in (STORES / name).rglob("*") if p.is_file()]
    assert report["totals"]["files"] == len(on_disk)
    assert report["totals"]["lines"] == LINES[name]
    assert (report["totals"]["unreadable"], report["totals"]["refused"]) == (0, 0)


def test_every_session_is_found_under_its_key(scanned):
    name, _, report = scanned
    found = {group["sessionKey"].removeprefix("agent:main:"): len(group["sessions"]) for group in report["keys"]}
    assert found.items() >= SESSIONS[name].items()


def test_each_key_has_the_current_session_its_row_names(scanned):
    _, plan, report = scanned
    rows = {row.key: row.session_id for row in plan.store.rows if row.is_primary and ":cron:" not in row.key}
    current = {g["sessionKey"]: s["sessionId"] for g in report["keys"] for s in g["sessions"] if s["isCurrent"]}
    assert current == rows


def test_checkpoints_are_found_with_their_summaries(scanned):
    name, _, report = scanned
    assert len(report["checkpoints"]) == CHECKPOINTS[name]
    assert all(point["label"].startswith("Before compaction (manual): Keep") for point in report["checkpoints"])


def test_a_fork_of_a_checkpoint_copies_nothing(scanned):
    name, _, report = scanned
    if name == REAL[2]:
        pytest.skip("no checkpoints in this era")
    forks = [s for g in report["keys"] for s in g["sessions"] if s["foreignId"].startswith("01a1f9e3")]
    assert sorted((s["sharedLines"], s["newLines"]) for s in forks) == [(13, 0), (13, 2)]


def test_what_is_wrong_is_told(scanned):
    name, _, report = scanned
    wanted = {
        REAL[0]: Counter({"path-moved": 9, "duplicate": 3, "left-behind": 1, "header-missing": 1, "key-guessed": 1}),
        REAL[1]: Counter({"path-moved": 9, "duplicate": 3, "left-behind": 1, "name-differs": 1, "key-guessed": 1}),
        REAL[2]: Counter({"turn-only-in-trajectory": 1, "duplicate": 1}),
    }
    assert wanted[name] <= codes(report)
