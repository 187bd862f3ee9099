"""The crash drill an operator can run: it finds nothing lost, and it would find it."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid

import pytest
from django.conf import settings

from sessions_app.management.selftest.crash import crash_drill
from sessions_app.management.selftest.ledger import Ledger
from sessions_app.management.selftest.verdict import verdict

ROUNDS = 20
pytestmark = pytest.mark.e2e


def test_twenty_crashes_lose_nothing(tmp_path):
    file = tmp_path / "report.json"
    command = [
        sys.executable,
        "manage.py",
        "selftest",
        "crash",
        "--rounds",
        str(ROUNDS),
        "--report",
        str(file),
        "--json",
    ]
    done = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    report = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    assert done.returncode == 0, done.stderr + done.stdout
    assert (report["ok"], report["rounds"], sum(report["losses"].values())) == (True, ROUNDS, 0)
    assert min(report[name] for name in ("kills", "terms", "acknowledged", "resets", "spans", "hooks_received")) > 0


def test_the_drill_would_notice_a_loss(tmp_path):
    kept = crash_drill(tmp_path, rounds=1, seed=1, say=lambda _: None)
    assert kept.ok
    promised = Ledger(
        asked={"lost": "words"}, acked={"lost": (str(uuid.uuid4()), 1)}, resets=[(str(uuid.uuid4()), str(uuid.uuid4()))]
    )
    report = verdict(tmp_path / "holdfast.sqlite3", promised, ["nobody"], rounds=1, audit_ok=False)
    assert not report.ok
    noticed = {name for name, count in report.losses.items() if count}
    assert {
        "acknowledged_messages_missing",
        "moves_acknowledged_and_not_audited",
        "hooks_received_and_never_written",
        "hooks_never_received",
        "audit_chain_broken",
    } <= noticed
