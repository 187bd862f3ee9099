"""Whatever happens to a store: no crash, every line accounted for, no whole line lost."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from sessions_app.models import Session
from sessions_app.rescue.listed import report_whole
from sessions_app.rescue.reading import line_digest
from sessions_app.rescue.scan import store_read
from sessions_app.runtime.adoption import Wish, adopt
from sessions_app.selectors.adoption import strands_stored
from tests.rescue.making import REAL, STORES, read, sums_hold
from tests.support.rows import chain_digest

KINDS = ["cut", "flip", "drop-line", "double-line", "drop-file", "double-file", "empty", "swap"]
blows = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 255)), max_size=6
)


def struck(root: Path, blow) -> None:
    """One misfortune of one file."""
    kind, which, where, byte = blow
    files = sorted(p for p in root.rglob("*") if p.is_file())
    if not files:
        return
    path = files[which % len(files)]
    raw = bytearray(path.read_bytes())
    lines = bytes(raw).splitlines(keepends=True)
    at = where % max(1, len(lines))
    if kind == "cut":
        path.write_bytes(raw[: where % (len(raw) + 1)])
    elif kind == "flip" and raw:
        raw[where % len(raw)] ^= byte or 1
        path.write_bytes(raw)
    elif kind == "drop-line":
        path.write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
    elif kind == "double-line":
        path.write_bytes(b"".join(lines[: at + 1] + lines[at:]))
    elif kind == "swap":
        path.write_bytes(b"".join(lines[at:] + lines[:at]))
    elif kind == "drop-file":
        path.unlink()
    elif kind == "double-file":
        path.with_name(("f" if path.name[0] != "f" else "e") + path.name[1:]).write_bytes(raw)
    elif kind == "empty":
        path.write_bytes(b"")


def whole_lines(root: Path) -> set[bytes]:
    """Digests of every line on disk, in transcripts, that is whole JSON; headers apart."""
    found = set()
    for path in root.rglob("*"):
        name = path.name
        if not path.is_file() or ".jsonl" not in name or "cron" in path.parts or name.endswith((".zst", ".lock")):
            continue
        for n, raw in enumerate(path.read_bytes().split(b"\n")):
            bare = raw.removesuffix(b"\r")
            bare = bare.removeprefix(b"\xef\xbb\xbf") if n == 0 else bare
            try:
                value = json.loads(bare.decode())
            except ValueError:
                continue
            if not (isinstance(value, dict) and value.get("type") == "session"):
                found.add(line_digest(bare))
    return found


def kept_lines(plan) -> set[bytes]:
    """Digests of every line that lies in a strand that is adopted."""
    marks = ",".join(str(number) for number in plan.sharing.owners)
    return {row[0] for row in plan.store.ledger.rows(f"SELECT digest FROM line WHERE strand IN ({marks or 0})")}


@pytest.mark.parametrize("name", REAL)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(misfortunes=blows)
def test_no_damage_crashes_a_scan_or_loses_a_whole_line(name, misfortunes):
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "store"
        shutil.copytree(STORES / name, root)
        for blow in misfortunes:
            struck(root, blow)
        store, plan, report = read(root)
        with store:
            sums_hold(report)
            assert whole_lines(root) <= kept_lines(plan)
            json.dumps(report)


@pytest.mark.django_db
@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(first=[("double-line", 339, 256, 1)], second=[("double-line", 618, 0, 0)])
@given(first=blows, second=blows)
def test_whatever_is_left_is_adopted_once_and_verifies(world, first, second):
    """A damaged store is adopted, damaged more, adopted again: what was whole at either time is there, and chains hold."""
    with tempfile.TemporaryDirectory() as directory, transaction.atomic():
        root = Path(directory) / "store"
        shutil.copytree(STORES / REAL[1], root)
        wanted = set()
        for misfortunes in (first, second):
            for blow in misfortunes:
                struck(root, blow)
            wanted |= whole_lines(root)
            with store_read(root) as store:
                report = report_whole(adopt(store, world.admin, Wish(world.admin.user_id)))
            sums_hold(report)
            assert report["failed"] == []
        kept = {digest for strand in strands_stored() for digest in strand.digests()}
        assert wanted <= kept
        for session in Session.objects.filter(adopted_strands__is_trace=False):
            assert session.digest == chain_digest(session.pk)
        with store_read(root) as store:
            assert adopt(store, world.admin, Wish(world.admin.user_id))["made"]["lines"] == 0
        transaction.set_rollback(True)
