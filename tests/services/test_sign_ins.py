"""Sign-ins by password leave a row."""

from __future__ import annotations

import pytest

from sessions_app.errors import ForbiddenError
from sessions_app.selectors.accounts import sign_in_list
from sessions_app.services.sign_ins import UNKNOWN, lockout_record, password_sign_in_record
from sessions_app.values import SYSTEM
from tests.support.rows import audits

pytestmark = pytest.mark.django_db


def test_a_sign_in_by_password_is_recorded_under_the_account(world):
    world.do(password_sign_in_record, world.ana)
    rows = audits(type="user.signed_in")
    assert [(row["actor"], row["outcome"], row["data"]) for row in rows] == [("ana", "ok", {"by": "password"})]


def test_only_a_person_signs_in(world):
    with pytest.raises(ForbiddenError):
        world.do(password_sign_in_record, SYSTEM)


def test_a_person_sees_their_own_sign_ins_and_nobody_elses(world):
    world.do(password_sign_in_record, world.ana)
    world.do(password_sign_in_record, world.bob)
    assert [row["by"] for row in sign_in_list(world.ana, username="ana")["signIns"]] == ["password"]
    with pytest.raises(ForbiddenError):
        sign_in_list(world.ana, username="bob")
    assert len(sign_in_list(world.admin, username="bob")["signIns"]) == 1


def test_a_lockout_is_recorded_under_nobodys_name(world):
    world.do(lockout_record, UNKNOWN, username="ana", address="192.0.2.7", failures=5)
    row = audits(type="user.locked_out")[0]
    assert (row["actor"], row["outcome"]) == (UNKNOWN.label, "refused")
    assert row["data"] == {"username": "ana", "address": "192.0.2.7", "failures": 5}


def test_a_name_nobody_has_may_be_a_password_and_is_not_kept(world):
    world.do(lockout_record, UNKNOWN, username="correct horse", address="192.0.2.7", failures=5)
    assert audits(type="user.locked_out")[0]["data"]["username"] is None


def test_nobody_else_records_a_lockout(world):
    with pytest.raises(ForbiddenError):
        world.do(lockout_record, world.admin, username="ana", address="", failures=5)
    assert [row["data"].get("address") for row in audits(type="user.locked_out")] == [None]
