"""What an import refuses, what it leaves alone, and how it goes on where it was interrupted."""

from __future__ import annotations

import io
import json
import tarfile
from uuid import UUID, uuid4

import pytest
import zstandard
from django.test import override_settings

from sessions_app import access
from sessions_app.errors import ForbiddenError, InvalidParamsError, StorageUnavailableError, TooLargeError
from sessions_app.models import AuditEvent, Checkpoint, Conversation, Entry, ImportedSession, Run, Session, User
from sessions_app.runtime.transfer.pace import Pace
from sessions_app.runtime.transfer.package import TarSink
from sessions_app.selectors.audit import audit_verify
from sessions_app.selectors.where_history import session_story
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.conversations import conversation_create
from sessions_app.services.imports import imported_conversation_open
from sessions_app.services.restore import archive_restore
from sessions_app.services.turn_control import run_abort
from sessions_app.services.turns import turn_submit
from sessions_app.values import SYSTEM
from tests.support.emptied import emptied
from tests.support.rows import audits, chain_digest, everything
from tests.support.world import person
from tests.transfer.conftest import exported, imported
from tests.transfer.rich import lived

pytestmark = pytest.mark.django_db


def _admin():
    return access.actor_for_user(User.objects.get(username="admin"))


def refused(path, error=InvalidParamsError):
    """Import what must be refused; the words."""
    before = everything()
    with pytest.raises(error) as caught:
        imported(path)
    assert everything() == before
    return caught.value.message


def test_a_changed_byte_anywhere_in_a_file_is_refused(world, packed):
    world.talk()
    path = packed()
    whole = path.read_bytes()
    places = [*range(0, len(whole), 37), *range(len(whole) - 80, len(whole))]
    with emptied():
        for place in places:
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert path.name in refused(path)
        for size in (0, 10, 72, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:size])
            refused(path)
        path.write_bytes(whole + b"x")
        refused(path)
        path.write_bytes(whole)
        assert imported(path)["failed"] == []


def test_a_changed_file_of_a_folder_is_refused_by_name(world, tmp_path):
    world.talk()
    folder = tmp_path / "folder"
    exported(folder)
    for path in sorted(folder.rglob("*.json*")):
        whole, name = path.read_bytes(), str(path.relative_to(folder))
        for place in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            assert name in refused(folder)
        path.unlink()
        assert name in refused(folder)
        path.symlink_to("/etc/passwd")
        assert name in refused(folder)
        path.unlink()
        path.write_bytes(whole)
    real = folder / "elsewhere"
    (folder / "sessions").rename(real)
    (folder / "sessions").symlink_to(real)
    assert "symbolic link" in refused(folder)


def sealed(path, members):
    """A file with a good seal and members of somebody's own making."""
    raw = io.BytesIO()
    sink = TarSink(raw)
    for facts, content in members:
        sink._tar.addfile(facts, io.BytesIO(content))
    sink.end()
    path.write_bytes(raw.getvalue())
    return path


def member(name, content=b"", kind=tarfile.REGTYPE, link=""):
    facts = tarfile.TarInfo(name)
    facts.type, facts.size, facts.linkname = kind, len(content), link
    return facts, content


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "sessions/../../outside"])
def test_a_name_that_leads_outside_is_refused(world, tmp_path, name):
    path = sealed(tmp_path / "evil.tar.zst", [member(name, b"x")])
    assert "outside" in refused(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.CHRTYPE])
def test_a_link_or_a_device_is_refused(world, tmp_path, kind):
    path = sealed(tmp_path / "evil.tar.zst", [member("audit.jsonl", kind=kind, link="/etc/passwd"), member("a", b"x")])
    assert "audit.jsonl" in refused(path)


def test_a_bomb_is_refused(world, tmp_path):
    path = sealed(tmp_path / "bomb.tar.zst", [member("audit.jsonl", bytes(3 << 20))])
    assert path.stat().st_size < 5000
    with override_settings(RESCUE_UNPACKED_MAX_BYTES=1 << 20):
        refused(path, TooLargeError)


def test_what_is_no_export_is_refused_in_words(world, tmp_path):
    plain = tmp_path / "notes.tar.zst"
    plain.write_bytes(zstandard.compress(b"hello"))
    assert "no export of Holdfast" in refused(plain)
    assert "There is no" in refused(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "manifest.json is missing" in refused(empty)
    (empty / "manifest.json").write_text(json.dumps({"format": "holdfast-sessions", "version": 2}))
    assert "format version 2" in refused(empty)


def test_a_dry_run_writes_nothing_and_says_what_would_happen(world, packed):
    lived(world)
    path, count = packed(), Session.objects.count()
    with emptied():
        before = everything()
        report = imported(path, dry_run=True)
        assert (everything(), report["new"], report["conversations"]["new"]) == (before, count, 5)
        assert report["givenTo"] == "admin"
        imported(path)
        report = imported(path, dry_run=True)
        assert (report["new"], report["there"]) == (0, count)


@pytest.mark.parametrize("calls", [1, 2, 3, 5, 8, 13, 21, 24, 27])
def test_an_interrupted_import_goes_on(world, packed, monkeypatch, calls):
    lived(world)
    path = packed()
    monkeypatch.setattr("sessions_app.runtime.transfer.pace.PART_ALONE_ROWS", 3)
    monkeypatch.setattr("sessions_app.runtime.transfer.pace.PART_MAX_ROWS", 3)
    with emptied():
        whole, left = Pace.call, [calls]

        def stopped(self, verb, **params):
            if not left[0]:
                raise StorageUnavailableError
            left[0] -= 1
            return whole(self, verb, **params)

        monkeypatch.setattr(Pace, "call", stopped)
        with pytest.raises(StorageUnavailableError):
            imported(path)
        monkeypatch.setattr(Pace, "call", whole)
        report = imported(path)
        assert (report["failed"], report["renamed"], report["archived"]) == ([], [], [])
        assert packed().read_bytes() == path.read_bytes()


def test_a_conversation_of_a_known_owner_is_theirs(world, packed):
    world.talk("there", "yes")
    path, there = packed(session_key=world.key), world.current
    with emptied():
        ana = person("ana", "User")
        report = imported(path)
        assert (report["archived"], report["unknownOwners"], report["givenTo"]) == ([], [], None)
        conversation = Conversation.objects.get(key=world.key)
        assert (conversation.owner_id, conversation.current_session_id) == (ana.user_id, there)


def test_a_conversation_in_use_keeps_its_session_and_gets_the_others_as_archives(world, packed):
    world.talk("there", "yes")
    path, there = packed(session_key=world.key), world.current
    with emptied():
        person("ana", "User")
        mine = world.do(conversation_create, _admin(), session_key=world.key)
        _say(world, UUID(mine["sessionId"]), "here")
        report = imported(path)
        assert report["archived"] == [world.key]
        conversation = Conversation.objects.get(key=world.key)
        assert str(conversation.current_session_id) == mine["sessionId"]
        archive = Session.objects.get(pk=there)
        assert (archive.conversation_id, archive.end_trigger) == (conversation.pk, "import")
        assert conversation.session_count == 2
        world.do(run_abort, SYSTEM, session_key=world.key, run_id=Run.objects.get(state="queued").pk)
        wanted = {"session_id": there, "expected_current_session_id": UUID(mine["sessionId"])}
        world.do(archive_restore, SYSTEM, session_key=world.key, **wanted)
        assert world.texts(there) == ["there", "yes"]


def test_another_session_of_the_same_id_is_imported_under_a_new_one(world, packed):
    world.talk("one", "two")
    world.do(checkpoint_create, session_key=world.key, session_id=world.current, seq=1, label="c")
    session = world.current
    path = packed(session_key=world.key)
    with emptied():
        imported(path)
        before = Entry.objects.filter(session=session).count()
        _say(world, session, "went another way")
        other_path = packed(session_key=world.key)
        assert Entry.objects.filter(session=session).count() == before + 1
    world.talk("and on there", "yes")
    with emptied():
        imported(other_path)
        assert imported(path)["there"] == 1  # it is the beginning of what is here
    grown = packed(session_key=world.key)
    with emptied():
        imported(other_path)
        report = imported(grown)
        (renamed,) = report["renamed"]
        assert (renamed["sessionId"], report["failed"], report["archived"]) == (str(session), [], [world.key])
        copy = Session.objects.get(pk=renamed["newSessionId"])
        assert [e.text for e in Entry.objects.filter(session=copy, kind="message").order_by("seq")] == [
            "one", "two", "and on there", "yes",
        ]  # fmt: skip
        assert (copy.digest, copy.end_trigger) == (chain_digest(copy.pk), "import")
        assert Run.objects.filter(session=copy).count() == 2
        assert Checkpoint.objects.filter(session=copy).count() == 1
        assert Conversation.objects.get(key=world.key).current_session_id == session
        again = imported(grown)
        assert (again["new"], again["there"], again["renamed"]) == (0, 1, report["renamed"])


def _say(world, session, words):
    world.do(turn_submit, SYSTEM, session_key=world.key, session_id=session, message=words)


def test_a_newer_export_continues_what_an_older_one_brought(world, packed):
    world.talk("one", "two")
    older = packed()
    world.talk("three", "four")
    world.reset()
    newer = packed()
    with emptied():
        imported(older)
        report = imported(newer)
        assert (report["continued"], report["renamed"], report["failed"]) == (1, [], [])
        (session,) = ImportedSession.objects.filter(session__last_seq=4).values_list("session_id", flat=True)
        assert world.texts(session) == ["one", "two", "three", "four"]
        assert Session.objects.get(pk=session).digest == chain_digest(session)
        assert imported(newer)["continued"] == 0
        assert Conversation.objects.get(key=world.key).current_session_id == session  # it does not move by itself
        assert report["archived"] == [world.key]


def test_somebody_who_writes_meanwhile_loses_nothing(world, packed, monkeypatch):
    for n in range(4):
        world.talk(f"question {n}", f"answer {n}")
    path, session = packed(session_key=world.key), world.current
    monkeypatch.setattr("sessions_app.runtime.transfer.pace.PART_ALONE_ROWS", 3)
    monkeypatch.setattr("sessions_app.runtime.transfer.pace.PART_MAX_ROWS", 3)
    with emptied():
        whole, calls = Pace.call, []

        def busy(self, verb, **params):
            calls.append(verb)
            if len(calls) == 4:
                _say(world, session, "in between")
            return whole(self, verb, **params)

        monkeypatch.setattr(Pace, "call", busy)
        report = imported(path)
        monkeypatch.setattr(Pace, "call", whole)
        (failed,) = report["failed"]
        assert "under a new id" in failed["why"]
        report = imported(path)
        assert len(report["renamed"]) == 1
        assert world.texts(UUID(report["renamed"][0]["newSessionId"]))[-1] == "answer 3"
        assert world.texts(session)[-1] == "in between"


def test_only_who_may_manage_imports(world):
    facts = {"key": world.key}
    for actor in (world.ana, world.operator, world.auditor):
        with pytest.raises(ForbiddenError):
            world.do(imported_conversation_open, actor, facts=facts, owner_id=1, current=uuid4())
    assert {row["outcome"] for row in audits(type="session.imported")} == {"refused"}


def test_an_import_is_audited(world, packed):
    world.talk()
    path, session = packed(session_key=world.key), str(world.current)
    with emptied():
        seen = AuditEvent.objects.count()
        imported(path)
        rows = audits(seq__gt=seen)
        assert {(row["type"], row["trigger"], row["outcome"]) for row in rows} == {("session.imported", "import", "ok")}
        told = [row["data"]["what"] for row in rows if row["newSessionId"] == session]
        assert told == ["conversation", "session"]
        assert audit_verify(SYSTEM)["ok"]


def test_what_happened_elsewhere_is_told_as_history(world, packed):
    world.talk()
    session = world.current
    moved = world.reset(reason="a new topic")
    path = packed(session_key=world.key)
    with emptied():
        imported(path)
        for pk, wanted in (
            (session, "archived: a new session"),
            (UUID(moved["newSessionId"]), "Began as a new session"),
        ):
            story = session_story(Session.objects.select_related("conversation").get(pk=pk))
            (reset,) = [moment for moment in story if moment["type"] == "session.reset"]
            assert wanted in reset["words"]
            assert (reset["actor"], reset["trigger"], reset["reason"]) == ("ana", "rpc", "a new topic")
            assert [moment["type"] for moment in story].count("session.imported") == 1
