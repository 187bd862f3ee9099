"""`manage.py rescue` as people run it."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path

import pytest

STORE = str(Path(__file__).parents[1] / "rescue" / "stores" / "store-2026.4.21")


def test_scan_adopt_look_and_export(empty_place, tmp_path):
    scan = empty_place.manage("rescue", "scan", STORE, "--json")
    assert (scan.code, scan.document["totals"]["adopted"]) == (0, 139), scan.err
    dry = empty_place.manage("rescue", "adopt", STORE, "--dry-run", "--json")
    assert dry.document["totals"] == scan.document["totals"]
    first = empty_place.manage("rescue", "adopt", STORE, "--json")
    assert (first.code, first.document["made"]["sessions"]) == (0, 15), first.err
    again = empty_place.manage("rescue", "adopt", STORE)
    assert again.out.startswith("Adopted 0 sessions, 0 lines, 0 checkpoints.")
    name = "4dc9eb87-6221-433e-98af-487d5b0009bc"
    origin = empty_place.manage("rescue", "origin", name, "--json")
    assert origin.document["strands"][0]["lines"] == 7
    export = empty_place.manage("rescue", "export", name)
    assert export.out == (Path(STORE) / "agents" / "main" / "sessions" / f"{name}.jsonl").read_text()
    shown = empty_place.manage("sessions", "show", "agent:main:main", "--json")
    assert (shown.document["sessionId"], shown.document["archivedCount"]) == (name, 4)


def test_damage_is_a_finding_and_no_error(empty_place, tmp_path):
    (tmp_path / "sessions.json").write_bytes(b"\x00\xff{")
    (tmp_path / "x.jsonl").write_bytes(b"{")
    said = empty_place.manage("rescue", "scan", str(tmp_path))
    assert said.code == 0, said.err
    assert "index-unreadable" in said.out


def test_no_directory_is_an_error(empty_place, tmp_path):
    said = empty_place.manage("rescue", "scan", str(tmp_path / "none"), "--json")
    assert (said.code, said.document["error"]["code"]) == (1, "not_found")
    said = empty_place.manage("rescue", "adopt", STORE, "--owner", "nobody", "--json")
    assert (said.code, said.document["error"]["code"]) == (1, "not_found")


def test_repair_says_its_backup_and_undo_brings_everything_back(empty_place, tmp_path):
    root = tmp_path / ".openclaw"
    shutil.copytree(STORE, root)
    home = root / "agents" / "main" / "sessions"
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    name = "6abc2cce-8cc2-40d5-8f53-26599db9a153"
    dry = empty_place.manage("rescue", "repair", str(root), "--restore", name, "--dry-run")
    assert (dry.code, {path.name: path.read_bytes() for path in home.iterdir()}) == (0, before), dry.err
    said = empty_place.manage("rescue", "repair", str(root), "--restore", name, "--json")
    assert (said.code, said.document["verified"]) == (0, True), said.err
    assert json.loads((home / "sessions.json").read_bytes())["agent:main:main"]["sessionId"] == name
    undone = empty_place.manage("rescue", "repair", "--undo", said.document["backup"])
    assert (undone.code, {path.name: path.read_bytes() for path in home.iterdir()}) == (0, before), undone.err
    kinds = [json.loads(line)["type"] for line in empty_place.manage("audit", "export").out.splitlines()]
    assert kinds[:2] == ["store.repair_undone", "store.repaired"]
    refused = empty_place.manage("rescue", "repair", str(root), "--restore", "nothing", "--json")
    assert (refused.code, refused.document["error"]["details"]["refusals"][0]["code"]) == (1, "not-found")


def test_the_report_tells_each_trouble_once_with_its_places_the_worst_first(empty_place, tmp_path):
    lines = '{"type":"session","version":3,"id":"%s"}\n{"type":"message","id":"a","message":{"role":"user","content":"x"}}\n{\n'
    store = tmp_path / "store"
    store.mkdir()
    for number in range(12):
        name = f"1234567890ab4def80000000000000{number:02}"
        (store / f"{name}.jsonl").write_text(lines.replace("%s", name))
    said = empty_place.manage("rescue", "scan", str(store))
    trouble = [line for line in said.out.splitlines() if line.startswith("!")]
    assert [line.split(":")[0] for line in trouble] == ["!! line-unreadable (12)", "!  file-without-row (12)"]
    assert said.out.count("and 2 more; --json lists them") == 2


@pytest.mark.parametrize(("is_gone", "code"), [(True, 1), (False, 0)])
def test_the_process_of_a_job_works_only_for_the_server_that_started_it(empty_place, is_gone, code):
    assert empty_place.manage("signin_link", "admin").code == 0  # makes the place
    job = empty_place.path / "rescue" / str(uuid.uuid4())
    job.mkdir(parents=True)
    asked = {
        "kind": "scan",
        "user_id": 1,
        "by": "admin",
        "path": STORE,
        "wish": {"path": STORE},
        "of": None,
        "state": "running",
    }
    (job / "job.json").write_text(json.dumps(asked))
    said = empty_place.manage("rescue_job", job.name, "--server", "1" if is_gone else str(os.getpid()))
    assert said.code == code, said.err
    outcome = json.loads((job / "outcome.json").read_text())
    assert (outcome["ok"], "server" in outcome.get("words", "")) == (not is_gone, is_gone)
