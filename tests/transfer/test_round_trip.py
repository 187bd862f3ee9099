"""Export, import into an empty place, export: equal byte for byte, whatever happened, from SQLite to SQLite and to PostgreSQL and back."""

from __future__ import annotations

import pytest

from sessions_app.models import AdoptedStrand, AuditEvent, Conversation, Entry, ImportedAudit, Run, Session
from sessions_app.rescue.scan import store_read
from sessions_app.runtime.adoption import Wish, adopt
from sessions_app.selectors.adoption import original_lines
from sessions_app.selectors.audit import audit_verify
from sessions_app.selectors.transcript import history
from sessions_app.services.turns import turn_submit
from sessions_app.values import SYSTEM
from tests.management.conftest import Place
from tests.rescue.making import REAL, STORES, Made
from tests.support.emptied import emptied
from tests.support.rows import chain_digest, everything
from tests.transfer.conftest import exported, imported
from tests.transfer.rich import adopted, lived

pytestmark = pytest.mark.django_db


@pytest.fixture
def rich(world, tmp_path):
    lived(world)
    adopted(world, Made(tmp_path / "store"))
    return world


def test_an_export_of_everything_comes_back_as_it_was(rich, packed):
    first = packed()
    entries = list(Entry.objects.order_by("session_id", "seq").values_list("session_id", "seq", "text", "digest"))
    originals = {
        pk: list(original_lines(SYSTEM, session_id=pk, with_traces=True))
        for pk in AdoptedStrand.objects.exclude(session=None).values_list("session_id", flat=True)
    }
    with emptied():
        report = imported(first)
        assert (report["failed"], report["renamed"], report["archived"]) == ([], [], [])
        assert (report["unknownOwners"], report["givenTo"]) == (["ana", "bob"], "admin")
        again = packed()
        assert (
            list(Entry.objects.order_by("session_id", "seq").values_list("session_id", "seq", "text", "digest"))
            == entries
        )
        for pk, lines in originals.items():
            assert list(original_lines(SYSTEM, session_id=pk, with_traces=True)) == lines
        for session in Session.objects.all():
            assert session.digest == chain_digest(session.pk)
        assert audit_verify(SYSTEM)["ok"]
    assert again.read_bytes() == first.read_bytes()


@pytest.mark.parametrize("name", REAL)
def test_a_real_store_that_was_adopted_comes_back_as_it_was(world, packed, name):
    with store_read(STORES / name) as store:
        assert adopt(store, world.admin, Wish(owner_id=world.admin.user_id))["failed"] == []
    # the stores of the file era hold forks, the other one none
    assert AdoptedStrand.objects.filter(parent__isnull=False).exists() == ("2026.4" in name)
    for what in ({"with_sensitive": True}, {"with_sensitive": False}):
        first = packed(**what)
        with emptied():
            assert imported(first)["failed"] == []
            assert packed(**what).read_bytes() == first.read_bytes()


def test_the_way_through_sqlite_changes_no_byte(rich, packed, tmp_path):
    """From the engine of the tests to SQLite in a process of its own, and back."""
    first, second = packed(), tmp_path / "second.tar.zst"
    place = Place(tmp_path / "data")
    done = place.manage("sessions", "import", str(first), "--json")
    assert (done.code, done.document["failed"]) == (0, []), done.err
    assert place.manage("sessions", "export", "--all", "--with-sensitive", str(second)).code == 0
    assert second.read_bytes() == first.read_bytes()
    assert place.manage("audit", "verify").code == 0
    assert place.manage("doctor").code == 0
    with emptied():
        imported(second)
        assert packed().read_bytes() == first.read_bytes()


@pytest.mark.parametrize("with_sensitive", [True, False])
def test_one_key_comes_back_as_it_was(rich, packed, with_sensitive):
    for key in Conversation.objects.values_list("key", flat=True):
        first = packed(session_key=key, with_sensitive=with_sensitive)
        with emptied():
            assert imported(first)["failed"] == []
            assert packed(session_key=key, with_sensitive=with_sensitive).read_bytes() == first.read_bytes(), key


def test_each_session_comes_back_as_it_was(rich, packed):
    for pk in Session.objects.values_list("pk", flat=True):
        first = packed(session_id=pk)
        with emptied():
            assert imported(first)["failed"] == []
            assert packed(session_id=pk).read_bytes() == first.read_bytes(), pk


def test_a_folder_holds_what_a_file_holds(rich, tmp_path):
    folder, again = tmp_path / "folder", tmp_path / "again"
    manifest = exported(folder)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.json*")} == {*manifest["files"], "manifest.json"}
    with emptied():
        imported(folder)
        exported(again)
    for path in folder.rglob("*.json*"):
        assert (again / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_an_import_may_be_read_and_gone_on_with(rich, packed):
    first, key, current = packed(), rich.key, rich.current
    before = history(SYSTEM, session_key=key)["entries"]
    with emptied():
        imported(first)
        assert Conversation.objects.get(key=key).current_session_id == current
        after = history(SYSTEM, session_key=key)["entries"]
        assert [(row["seq"], row["text"], row["runId"]) for row in after] == [
            (row["seq"], row["text"], row["runId"]) for row in before
        ]
        assert not Run.objects.filter(state__in=["queued", "running"]).exists()  # nothing begins to run by itself
        rich.do(turn_submit, SYSTEM, session_key=key, session_id=current, message="and on")
        assert Session.objects.get(pk=current).digest == chain_digest(current)
        assert imported(first)["there"] == Session.objects.exclude(imported=None).count()


def test_importing_where_it_came_from_changes_nothing(rich, packed):
    older = packed()
    rich.talk("later", "said")
    rich.reset()
    before = everything()
    report = imported(older)
    assert (report["new"], report["continued"], report["renamed"], report["failed"]) == (0, 0, [], [])
    assert report["auditEvents"]["new"] == 0
    after = everything()
    assert after == before


def test_audit_events_of_elsewhere_are_kept_word_for_word_and_outside_the_chain(rich, packed):
    first, hashes = packed(), set(AuditEvent.objects.values_list("hash", flat=True))
    with emptied():
        report = imported(first)
        assert report["auditEvents"]["broken"] == 0
        kept = set(ImportedAudit.objects.values_list("hash", flat=True))
        assert kept < hashes
        assert not kept & set(AuditEvent.objects.values_list("hash", flat=True))
        here = set(AuditEvent.objects.exclude(trigger="cli").values_list("type", "trigger"))
        assert here == {("session.imported", "import")}
