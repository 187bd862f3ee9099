"""What an export takes along and leaves out, whom it tells, and what is left of one that fails."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection

from sessions_app.canonical import canonical, digest
from sessions_app.errors import ForbiddenError, InvalidParamsError, ReasonRequiredError, StorageUnavailableError
from sessions_app.models import Conversation, Session
from sessions_app.runtime.transfer.package import destination
from sessions_app.selectors.accounting import access_list
from sessions_app.services.reading import session_open
from tests.rescue.making import Made
from tests.support.emptied import emptied
from tests.support.rows import audits
from tests.transfer.conftest import exported, imported
from tests.transfer.rich import adopted, lived

pytestmark = pytest.mark.django_db


def lines(folder: Path, name: str):
    return [json.loads(line) for line in (folder / name).read_text().split("\n")[:-1]]


def test_equal_content_gives_equal_bytes_and_every_line_is_canonical(world, tmp_path, packed):
    lived(world)
    adopted(world, Made(tmp_path / "store"))
    assert packed().read_bytes() == packed().read_bytes()
    folder = tmp_path / "folder"
    manifest = exported(folder)
    for name in manifest["files"]:
        for line in (folder / name).read_text().split("\n")[:-1]:
            assert canonical(json.loads(line)) == line
    for event in lines(folder, "audit.jsonl"):
        assert digest({name: value for name, value in event.items() if name != "hash"}) == event["hash"]


def test_a_session_brings_what_it_continues_and_nothing_else(world, tmp_path):
    lived(world)
    for session in Session.objects.all():
        folder = tmp_path / str(session.pk)
        manifest = exported(folder, session_id=session.pk)
        line, at = [], session
        while at is not None:
            line.append(str(at.pk))
            at = at.parent
        assert sorted(manifest["sessions"]) == sorted(line)
        assert all(row["current"] is None for row in lines(folder, "conversations.jsonl"))


def test_original_lines_stay_out_unless_they_are_asked_for(world, tmp_path):
    adopted(world, Made(tmp_path / "store"))
    with_them, without = exported(tmp_path / "a"), exported(tmp_path / "b", with_sensitive=False)
    assert with_them["counts"]["originalLines"] > 0
    assert without["counts"]["originalLines"] == 0
    assert not any(name.startswith("originals/") for name in without["files"])
    assert with_them["counts"]["entries"] == without["counts"]["entries"]


def test_an_open_answer_is_told_as_cut_off(world, tmp_path):
    world.say("one")
    world.claim()
    world.say("two")
    folder = tmp_path / "folder"
    exported(folder, session_key=world.key)
    rows = [row for row in lines(folder, f"sessions/{world.current}.jsonl") if row["type"] == "run"]
    assert [row["state"] for row in rows] == ["interrupted", "withdrawn"]
    assert all(row["finishedAt"] for row in rows)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL does not keep bytes that are no text")
@pytest.mark.parametrize("damage", ["text = CAST(x'ff' AS text)", "data = '{'", "created_at = 'x'", "gone"])
def test_a_damaged_session_is_exported_up_to_its_damage_and_the_rest_whole(world, packed, tmp_path, damage):
    lived(world)
    key, current = world.key, world.current
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        for name in ("entry_no_update", "entry_no_delete"):
            cursor.execute(f"DROP TRIGGER {name}")
        change = f"UPDATE sessions_app_entry SET {damage}" if damage != "gone" else "DELETE FROM sessions_app_entry"
        cursor.execute(f"{change} WHERE session_id = %s AND seq = 3", [current.hex])
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
    folder = tmp_path / "folder"
    manifest = exported(folder)
    facts = manifest["sessions"][str(current)]
    assert (facts["lastSeq"], facts["damagedFrom"]) == (2, 3)
    *_, end = lines(folder, f"sessions/{current}.jsonl")
    assert (end["type"], end["lastSeq"], end["damagedFrom"]) == ("end", 2, 3)
    assert "entry 3" in end["damage"]
    assert len(manifest["sessions"]) == Session.objects.count()
    path = packed()
    with emptied():
        assert imported(path)["failed"] == []
        session = Session.objects.get(pk=current)
        assert (session.last_seq, session.damaged_from, session.damage) == (2, 3, end["damage"])
        assert Conversation.objects.get(key=key).current_session_id == current
        assert packed().read_bytes() == path.read_bytes()


def test_a_changed_entry_is_told_elsewhere_too(world, packed):
    """Somebody changed a text past the product: the links that no longer fit travel along."""
    world.talk("one", "two")
    trigger = "ALTER TABLE sessions_app_entry DISABLE TRIGGER entry_no_update"
    with connection.cursor() as cursor:
        is_postgres = connection.vendor == "postgresql"
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE" if is_postgres else "SELECT 1")
        cursor.execute(trigger if is_postgres else "DROP TRIGGER entry_no_update")
        cursor.execute("UPDATE sessions_app_entry SET text = 'tampered' WHERE seq = 1")
    path = packed(session_key=world.key)
    kept = Session.objects.get(pk=world.current).digest
    with emptied():
        imported(path)
        assert world.texts() == ["tampered", "two"]
        assert Session.objects.get(pk=world.current).digest == kept
        assert packed(session_key=world.key).read_bytes() == path.read_bytes()


def test_who_may_export_and_with_which_reason(world, tmp_path):
    world.talk()
    exported(tmp_path / "own", world.ana, session_key=world.key)
    for actor in (world.bob, world.operator):
        with pytest.raises(ForbiddenError):
            exported(tmp_path / "no", actor, session_key=world.key)
    with pytest.raises(ForbiddenError):
        exported(tmp_path / "no", world.ana)  # everything is more than her own
    with pytest.raises(ReasonRequiredError):
        exported(tmp_path / "no", world.auditor, session_key=world.key)
    words = {"session_key": world.key, "session_id": world.current, "reason": "ticket 7"}
    world.do(session_open, world.auditor, **words)
    exported(tmp_path / "yes", world.auditor, session_key=world.key, reason="ticket 7")
    assert not (tmp_path / "no").exists()
    rows = audits(type="session.exported")
    assert [(row["actor"], row["outcome"]) for row in rows] == [("ana", "ok"), ("andre", "refused"), ("andre", "ok")]
    seen = access_list(world.ana)["events"][0]
    assert (seen["type"], seen["actor"], seen["reason"], seen["form"]) == (
        "session.exported",
        "andre",
        "ticket 7",
        "test",
    )


def test_an_export_of_everything_tells_every_owner(world, tmp_path):
    lived(world)
    exported(tmp_path / "all", reason="moving house")
    rows = audits(type="session.exported")
    assert sorted(row["sessionKey"] for row in rows) == sorted(Conversation.objects.values_list("key", flat=True))
    assert {row["reason"] for row in rows} == {"moving house"}


def _begun(path):
    with destination(path) as sink:
        sink.put("audit.jsonl", io.BytesIO(b"half"), 4)
        raise RuntimeError


@pytest.mark.parametrize("name", ["there.tar.zst", "there"])
def test_nothing_is_overwritten_and_nothing_is_left_of_a_failure(world, tmp_path, name):
    path = tmp_path / name
    exported(path)
    with pytest.raises(InvalidParamsError, match="exists already"):
        exported(path)
    path = tmp_path / f"other-{name}"
    with pytest.raises(RuntimeError):
        _begun(path)
    assert [each.name for each in tmp_path.iterdir()] == [name]
    for wrong in (tmp_path / "no" / "such" / "place.tar.zst", tmp_path / "place.tar"):
        with pytest.raises(InvalidParamsError):
            exported(wrong)


def test_a_full_disk_leaves_nothing_half(world, tmp_path):
    world.talk("x" * 200_000, os.urandom(150_000).hex())
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(place)]
    if not mounted or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs root and leave to mount a tmpfs")
    try:
        for name in ("all.tar.zst", "folder"):
            with pytest.raises(StorageUnavailableError, match="full"):
                exported(place / name)
            assert list(place.iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_an_export_of_what_is_not_there_is_refused(world, tmp_path):
    for what in ({"session_key": "agent:main:nowhere"}, {"session_id": UUID(int=7)}):
        with pytest.raises(Exception, match="There is no"):
            exported(tmp_path / "no", **what)
