"""`manage.py check` finds what is unsafe here, and nothing where all is well."""

from __future__ import annotations

from io import StringIO

import autobahn.websocket
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from sessions_app.runtime import checks


def _ids(check) -> list[str]:
    return [message.id for message in check(None)]


@pytest.fixture
def data_dir(tmp_path, settings):
    tmp_path.chmod(0o700)
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.mark.parametrize(
    "check",
    [
        checks.hosts_check,
        checks.database_check,
        checks.accelerator_check,
        checks.secret_key_check,
        checks.data_dir_check,
    ],
)
def test_a_place_as_it_comes_has_no_findings(check, data_dir):
    (data_dir / "secret_key").touch(mode=0o600)
    assert _ids(check) == []


def test_a_server_for_every_name_is_found(settings):
    settings.ALLOWED_HOSTS = ["chat.example", "*"]
    assert _ids(checks.hosts_check) == ["holdfast.E001"]
    settings.DEBUG = True
    assert _ids(checks.hosts_check) == []


GOOD = {
    "transaction_mode": "IMMEDIATE",
    "init_command": "pragma journal_mode = wal; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
}


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({}, "journal_mode=WAL, synchronous=FULL, foreign_keys=ON, transaction_mode=IMMEDIATE"),
        ({**GOOD, "transaction_mode": "DEFERRED"}, "transaction_mode=IMMEDIATE"),
        ({**GOOD, "init_command": GOOD["init_command"].replace("FULL", "NORMAL")}, "synchronous=FULL"),
        ({**GOOD, "init_command": GOOD["init_command"].replace("wal", "DELETE")}, "journal_mode=WAL"),
        ({**GOOD, "init_command": GOOD["init_command"].replace("keys=ON", "keys=OFF")}, "foreign_keys=ON"),
    ],
)
def test_sqlite_without_its_options_is_found(monkeypatch, options, missing):
    database = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": options}
    monkeypatch.setattr(checks, "settings", _Settings(DATABASES={"default": database}))
    (found,) = checks.database_check(None)
    assert found.id == "holdfast.E002"
    assert found.msg.endswith(f": {missing}.")


def test_the_same_options_in_other_letters_are_good(monkeypatch):
    database = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": GOOD}
    monkeypatch.setattr(checks, "settings", _Settings(DATABASES={"default": database}))
    assert _ids(checks.database_check) == []


def test_postgresql_needs_none_of_them(monkeypatch):
    database = {"ENGINE": "django.db.backends.postgresql"}
    monkeypatch.setattr(checks, "settings", _Settings(DATABASES={"default": database}))
    assert _ids(checks.database_check) == []


def test_a_missing_accelerator_is_found(monkeypatch):
    monkeypatch.setattr(autobahn.websocket, "USES_NVX", False)
    assert _ids(checks.accelerator_check) == ["holdfast.W003"]


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o644])
def test_a_signing_key_that_others_can_read_is_found(data_dir, rights):
    (data_dir / "secret_key").touch()
    (data_dir / "secret_key").chmod(rights)
    assert _ids(checks.secret_key_check) == ["holdfast.E004"]


def test_a_data_directory_that_others_can_enter_is_found(data_dir):
    data_dir.chmod(0o750)
    assert _ids(checks.data_dir_check) == ["holdfast.E005"]
    assert _ids(checks.secret_key_check) == [], "a key from the environment has no file"


def test_check_runs_them(data_dir):
    data_dir.chmod(0o755)
    with pytest.raises(SystemCheckError, match=r"holdfast\.E005"):
        call_command("check", stdout=StringIO(), stderr=StringIO())


def test_a_server_that_only_replaces_a_command_is_not_installed():
    assert "daphne" not in settings.INSTALLED_APPS


class _Settings:
    """A few settings, without telling Django that its databases changed."""

    def __init__(self, **values):
        vars(self).update(values)
