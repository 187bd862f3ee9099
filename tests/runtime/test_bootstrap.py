"""An empty place becomes ready, and a ready one is left alone."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.db.migrations.recorder import MigrationRecorder

from sessions_app.models import AuditEvent, AuditHead, Conversation, User
from sessions_app.runtime import bootstrap as module
from sessions_app.runtime.bootstrap import GROUPS, DatabaseIsNewerError, bootstrap, migrations_pending, rows_ready
from sessions_app.runtime.config_files import config_files_ready
from sessions_app.selectors.audit import audit_verify

pytestmark = pytest.mark.django_db


def _state():
    return (
        list(User.objects.values()),
        list(Conversation.objects.values()),
        list(AuditEvent.objects.values()),
        {group.name: sorted(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()},
    )


def test_an_empty_database_gets_an_admin_groups_and_an_audit_head():
    rows_ready()
    admin = User.objects.get()
    assert (admin.username, admin.is_superuser, admin.has_usable_password()) == ("admin", True, False)
    assert Conversation.objects.get().key == "agent:main:main"
    assert AuditHead.objects.get(pk=1).last_seq == AuditEvent.objects.count() == 2
    groups = {g.name: set(g.permissions.values_list("codename", flat=True)) for g in Group.objects.all()}
    assert groups == {name: set(codenames) for name, codenames in GROUPS.items()}


def test_a_second_bootstrap_changes_nothing_and_asks_little(django_assert_max_num_queries):
    bootstrap()
    before = _state()
    with django_assert_max_num_queries(6):
        bootstrap()
    assert _state() == before


def test_what_an_administrator_took_from_a_group_stays_taken():
    rows_ready()
    Group.objects.get(name="User").permissions.clear()
    rows_ready()
    assert not Group.objects.get(name="User").permissions.exists()


def test_people_who_are_there_keep_the_place_without_an_admin_named_admin():
    rows_ready()
    User.objects.update(username="chief")
    bootstrap()
    assert User.objects.get().username == "chief"


def test_newer_migrations_are_refused():
    MigrationRecorder.Migration.objects.create(app="sessions_app", name="9999_later")
    with pytest.raises(DatabaseIsNewerError, match="9999_later"):
        bootstrap()


def test_migrations_of_apps_that_left_are_no_concern():
    MigrationRecorder.Migration.objects.create(app="gone", name="0001_initial")
    assert migrations_pending() is False


def test_a_missing_migration_is_noticed():
    MigrationRecorder.Migration.objects.filter(app="sessions_app").order_by("-name").first().delete()
    assert migrations_pending() is True


def test_configuration_files_are_written_once_and_never_touched_again(tmp_path):
    mine = tmp_path / "agents.toml"
    mine.write_text("# mine\n")
    assert [path.name for path in config_files_ready(tmp_path)] == ["hooks.toml"]
    assert config_files_ready(tmp_path) == []
    assert mine.read_text() == "# mine\n"
    assert (tmp_path / "hooks.toml").stat().st_mode & 0o777 == 0o600


def test_the_data_directory_is_private(tmp_path):
    tmp_path.chmod(0o755)
    module.private_dir_ready(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    bootstrap()
    assert settings.DATA_DIR.stat().st_mode & 0o777 == 0o700


def test_a_lost_audit_head_goes_on_where_the_chain_ends(world):
    AuditHead.objects.all().delete()
    rows_ready()
    world.reset()
    assert audit_verify(world.auditor)["ok"]
