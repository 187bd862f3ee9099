"""A repair killed before any change of the disk, or of a store damaged in any way: a second run or undo makes it whole."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions_app.errors import HoldfastError
from sessions_app.rescue.repair import RepairWish, repair_apply, repair_plan, repair_undo
from tests.rescue.making import KEY, REAL, Made, copied, session_id, talk
from tests.rescue.test_any_damage import blows, struck
from tests.rescue.test_repair import tree

A, B, C = (session_id(n) for n in (1, 2, 3))
CHANGES = {"os.link", "os.rename", "os.remove", "os.mkdir", "os.utime", "os.chmod", "os.chown"}


class Killed(BaseException):
    """As kill -9 would: nothing of ours runs after it."""


class Killer:
    """Stops the program before the n-th change of the disk."""

    left: int | None = None

    def __call__(self, event: str, args: tuple) -> None:
        is_write = event == "open" and isinstance(args[2], int) and args[2] & 0o3
        if self.left is None or not (event in CHANGES or is_write):
            return
        if "holdfast-rescue-" in str(args[0]) or str(args[0]).startswith(("ledger", "spool")):
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise Killed


KILLER = Killer()
sys.addaudithook(KILLER)


@contextmanager
def killed_before(change: int) -> Iterator[None]:
    KILLER.left = change
    try:
        yield
    except Killed:
        pass
    finally:
        KILLER.left = None


def store_with_everything(root: Path) -> Made:
    """A key to restore under a name that is taken, a checkpoint renamed away, an orphan without header, a stale lock."""
    made = Made(root)
    point = {"checkpointId": C, "sessionId": A, "preCompaction": {"sessionFile": f"/h/{A}.checkpoint.{C}.jsonl"}}
    made.row(KEY, B, base=A, compactionCheckpoints=[point])
    made.file(f"{A}.jsonl", talk(B, ["new"], prefix="n"))
    made.file(f"{A}.jsonl.reset.2026-11-20T15-59-30.000Z", talk(A, ["one", "two", "three", "four"]))
    made.file(f"{A}.checkpoint.{C}.jsonl.deleted.2026-11-20T17-00-00Z", talk(A, ["one", "two"]))
    made.file(f"{session_id(8)}.jsonl", talk(session_id(8), ["a", "b"], prefix="o", with_header=False))
    made.row("agent:main:gone", session_id(7))
    (made.sessions / f"{A}.jsonl.lock").write_text('{"pid": 999999999}')
    return made


WISH = RepairWish(restore=A, key=KEY, fix_missing=True, adopt_orphans=True)


def finished(root: Path) -> dict:
    """Plan and carry out until nothing is left to do, as the command does."""
    report = repair_apply(json.loads(json.dumps(repair_plan(root, WISH))))
    rest = repair_apply(repair_plan(root, WISH))
    return report if report["backup"] else rest


def whole(root: Path, before: dict) -> None:
    home = root / "agents" / "main" / "sessions"
    rows = json.loads((home / "sessions.json").read_bytes())
    assert rows[KEY]["sessionId"] == A
    assert (home / f"{A}.jsonl").read_bytes() == next(home.glob(f"{A}.jsonl.reset.2026-11-20*")).read_bytes()
    assert {key.split(":")[2] for key in rows} == {"main", "gone", f"rescued-{A[:8]}"}
    assert not [path for path in home.iterdir() if path.suffix in (".tmp", ".lock")]
    lost = {content for _, _, content in before.values()} - {content for _, _, content in tree(root).values()}
    assert len(lost) == 2  # the index and the lock; both lie in the backup


@pytest.mark.parametrize("way", ["again", "undo"])
def test_killed_before_any_change_a_second_run_or_undo_makes_it_whole(tmp_path, way):
    for change in range(1000):
        home = tmp_path / str(change)
        root = store_with_everything(home / ".openclaw").root
        before, report = tree(root), None
        with killed_before(change):
            report = repair_apply(repair_plan(root, WISH))
        backups = [path for path in home.glob(".openclaw.*") if (path / "manifest.json").exists()]
        if way == "again":
            finished(root)
            whole(root, before)
        if backups:
            repair_undo(backups[0])
            assert tree(root) == before
        if report is not None:
            break
        shutil.rmtree(home)
    assert 20 < change < 999


def test_killed_while_undoing_a_second_undo_makes_it_whole(tmp_path):
    for change in range(1000):
        root = store_with_everything(tmp_path / str(change) / ".openclaw").root
        before, undone = tree(root), None
        backup = repair_apply(repair_plan(root, WISH))["backup"]
        with killed_before(change):
            undone = repair_undo(backup)
        repair_undo(backup)
        assert tree(root) == before
        if undone is not None:
            break
    assert 10 < change < 999


@pytest.mark.parametrize("name", REAL[:2])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(misfortunes=blows, which=st.integers(0, 40), mends=st.tuples(st.booleans(), st.booleans()))
def test_no_damage_makes_a_repair_fail_or_lose_a_byte(name, misfortunes, which, mends):
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / ".openclaw"
        copied(name, root)
        for blow in misfortunes:
            struck(root, blow)
        before = tree(root)
        names = sorted(path.name for path in root.rglob("*.jsonl*"))
        restore = names[which % len(names)] if names else ""
        key = "agent:main:main" if which % 2 else ""
        wish = RepairWish(restore=restore, key=key, fix_missing=mends[0], adopt_orphans=mends[1])
        for each in (wish, RepairWish(fix_missing=mends[0], adopt_orphans=not mends[0])):
            plan = repair_plan(root, each)
            json.dumps(plan)
            if not plan["ok"]:
                assert all(row["code"] and row["words"] for row in plan["refusals"])
                continue
            report = repair_apply(plan)
            assert report["verified"], report["problems"]
            kept = {content for _, _, content in tree(root).values()}
            index = {content for path, (_, _, content) in before.items() if path.endswith("sessions.json")}
            assert {content for _, _, content in before.values()} - kept <= index
            if report["backup"]:
                repair_undo(report["backup"])
                assert tree(root) == before


def test_a_wish_of_its_own_waits_for_the_interrupted_one(tmp_path):
    root = store_with_everything(tmp_path / ".openclaw").root
    with killed_before(25):
        repair_apply(repair_plan(root, WISH))
    plan = repair_plan(root, RepairWish(adopt_orphans=True))
    assert plan["resumes"]
    assert "interrupted" in plan["words"][0]
    assert repair_apply(plan)["verified"]
    repair_undo(plan["resumes"])
    with pytest.raises(HoldfastError, match="undone"):
        repair_apply(plan)
