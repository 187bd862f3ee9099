"""Accounts and sign-in links."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.contrib.auth.hashers import check_password, make_password
from django.utils import timezone

from sessions_app import access
from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError, UnauthenticatedError
from sessions_app.models import AuditEvent, Conversation, SignInLink, User
from sessions_app.services.people import (
    VISITOR,
    password_set,
    sign_in_link_create,
    sign_in_link_use,
    user_change,
    user_create,
)
from sessions_app.values import SIGN_IN_LINK_MAX_AGE_SECONDS, SYSTEM
from tests.support.world import command

pytestmark = pytest.mark.django_db


def _newest():
    return AuditEvent.objects.order_by("-seq").first()


class TestUserCreate:
    def test_it_makes_an_account_with_a_conversation_and_no_password(self, world):
        made = world.do(user_create, world.admin, username="Zoë.K", groups=["Operator"])
        user = User.objects.get(pk=made["userId"])
        assert not user.has_usable_password()
        assert [g.name for g in user.groups.all()] == ["Operator"]
        conversation = Conversation.objects.get(key=made["sessionKey"])
        assert (conversation.owner, made["sessionKey"]) == (user, "agent:main:zoe-k")
        assert str(conversation.current_session_id) == made["sessionId"]

    def test_a_taken_key_gets_a_number(self, world):
        assert world.do(user_create, world.admin, username="main")["sessionKey"] == "agent:main:main-2"

    @pytest.mark.parametrize("who", ["ana", "operator", "auditor"])
    def test_only_who_manages_people_may(self, world, who):
        with pytest.raises(ForbiddenError):
            world.do(user_create, getattr(world, who), username="eve")
        assert not User.objects.filter(username="eve").exists()
        assert (_newest().type, _newest().outcome) == ("user.created", "refused")

    def test_an_admin_without_superuser_cannot_make_a_superuser(self, world):
        made = world.do(user_create, world.admin, username="second", groups=["Admin"])
        second = access.actor_for_user(User.objects.get(pk=made["userId"]))
        with pytest.raises(ForbiddenError):
            world.do(user_create, second, username="root", is_superuser=True)
        assert world.do(user_create, second, username="plain")["groups"] == ["User"]

    @pytest.mark.parametrize("name", ["ana", "ANA", "", "a b", "x" * 151])
    def test_a_name_that_is_taken_or_malformed_is_refused(self, world, name):
        with pytest.raises(InvalidParamsError) as caught:
            world.do(user_create, world.admin, username=name)
        assert caught.value.details["field"] == "username"

    def test_an_unknown_group_is_refused(self, world):
        with pytest.raises(InvalidParamsError, match="Wizards"):
            world.do(user_create, world.admin, username="eve", groups=["User", "Wizards"])

    def test_the_audit_row_says_who_was_made(self, world):
        world.do(user_create, world.admin, username="eve")
        row = AuditEvent.objects.filter(type="user.created", outcome="ok").order_by("-seq").first()
        assert (row.actor_label, row.data) == ("admin", {"username": "eve", "groups": ["User"]})


class TestUserChange:
    def test_a_disabled_account_can_do_nothing(self, world):
        world.do(user_change, world.admin, username="ana", is_active=False)
        with pytest.raises(UnauthenticatedError):
            world.say()

    def test_groups_are_set_and_audited(self, world):
        changed = world.do(user_change, world.admin, username="bob", groups=["Auditor"])
        assert changed["groups"] == ["Auditor"]
        assert _newest().data == {"username": "bob", "isActive": True, "groups": ["Auditor"]}

    def test_nobody_locks_themselves_out(self, world):
        with pytest.raises(InvalidParamsError):
            world.do(user_change, world.admin, username="admin", is_active=False)

    def test_a_stranger_is_refused(self, world):
        with pytest.raises(ForbiddenError):
            world.do(user_change, world.operator, username="ana", is_active=False)


class TestPassword:
    def test_a_person_sets_their_own(self, world):
        world.do(password_set, world.ana, password_hash=make_password("long enough"))
        assert check_password("long enough", User.objects.get(username="ana").password)
        assert "pass" not in str(_newest().data).replace("password", "")

    def test_the_system_has_none(self, world):
        with pytest.raises(ForbiddenError):
            world.do(password_set, SYSTEM, password_hash=make_password("long enough"))


class TestSignInLink:
    def test_it_signs_one_person_in_once(self, world):
        link = world.do(sign_in_link_create, world.admin, username="ana")
        assert world.do(sign_in_link_use, VISITOR, token=link["token"])["username"] == "ana"
        assert (_newest().type, _newest().actor_label) == ("user.signed_in", "ana")
        with pytest.raises(NotFoundError):
            world.do(sign_in_link_use, VISITOR, token=link["token"])
        assert (_newest().outcome, _newest().actor_label) == ("refused", VISITOR.label)

    def test_it_is_not_stored_in_the_clear(self, world):
        link = world.do(sign_in_link_create, world.admin, username="ana")
        assert link["token"] not in str(list(SignInLink.objects.values())) + str(list(AuditEvent.objects.values()))

    def test_it_is_good_for_fifteen_minutes(self, world):
        link = world.do(sign_in_link_create, world.admin, username="ana")
        late = timezone.now() + datetime.timedelta(seconds=SIGN_IN_LINK_MAX_AGE_SECONDS + 1)
        with time_machine.travel(late), pytest.raises(NotFoundError):
            world.do(sign_in_link_use, VISITOR, token=link["token"])

    @pytest.mark.parametrize("token", ["", "guess", "\x00", "\ud800", "x" * 10_000])
    def test_a_guess_is_refused(self, world, token):
        with pytest.raises(NotFoundError):
            world.do(sign_in_link_use, VISITOR, token=token)

    def test_a_disabled_account_cannot_use_one_made_before(self, world):
        link = world.do(sign_in_link_create, world.admin, username="ana")
        world.do(user_change, world.admin, username="ana", is_active=False)
        with pytest.raises(NotFoundError):
            world.do(sign_in_link_use, VISITOR, token=link["token"])

    def test_only_who_manages_people_makes_one(self, world):
        with pytest.raises(ForbiddenError):
            world.do(sign_in_link_create, world.operator, username="admin")

    def test_a_repeated_request_makes_another_link_and_stores_no_secret(self, world):
        wanted = command(sign_in_link_create, world.admin, request="same", username="ana")
        first, second = (world.do(wanted.verb, world.admin, **wanted.params) for _ in range(2))
        assert first["token"] != second["token"]
