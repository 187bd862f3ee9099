"""Programs' tokens."""

from __future__ import annotations

import pytest

from sessions_app import access
from sessions_app.errors import ForbiddenError, InvalidParamsError, NotFoundError, UnauthenticatedError
from sessions_app.models import ApiToken, AuditEvent
from sessions_app.selectors.conversations import conversation_list
from sessions_app.selectors.tokens import token_list
from sessions_app.services.people import sign_in_link_create, user_change
from sessions_app.services.tokens import token_create, token_revoke
from tests.support.world import person

pytestmark = pytest.mark.django_db


def _make(world, actor, username="ana", scopes=("read", "write")):
    return world.do(token_create, actor, username=username, name="ci", scopes=list(scopes))


def _program(made):
    return access.actor_for_token(ApiToken.objects.select_related("user").get(pk=made["tokenId"]))


def test_a_token_is_shown_once_and_stored_hashed(world):
    made = _make(world, world.admin)
    stored = str(list(ApiToken.objects.values())) + str(list(AuditEvent.objects.values()))
    assert made["token"] not in stored
    assert made["token"].startswith("hf_")
    assert made["scopes"] == ["read", "write"]


def test_a_person_makes_their_own_but_not_another_ones(world):
    assert _make(world, world.ana)["username"] == "ana"
    with pytest.raises(ForbiddenError):
        _make(world, world.bob, username="ana")
    assert not ApiToken.objects.filter(name="ci", user__username="bob").exists()


def test_a_token_cannot_make_one_that_may_do_more(world):
    strong = _program(_make(world, world.admin, username="admin", scopes=["read", "admin"]))
    assert _make(world, strong, username="admin", scopes=["read"])
    with pytest.raises(ForbiddenError):
        _make(world, strong, username="admin", scopes=["write"])
    weak = _program(_make(world, world.ana))
    with pytest.raises(ForbiddenError):
        _make(world, weak)


@pytest.mark.parametrize("scopes", [[], [""], ["root"], ["read", "root"]])
def test_scopes_are_read_write_and_admin(world, scopes):
    with pytest.raises(InvalidParamsError) as caught:
        _make(world, world.admin, scopes=scopes)
    assert caught.value.details["field"] == "scopes"


def test_a_token_for_nobody_is_refused(world):
    with pytest.raises(NotFoundError):
        _make(world, world.admin, username="nobody")


def test_a_revoked_token_stops_at_its_next_call(world):
    made = _make(world, world.ana)
    program = _program(made)
    assert conversation_list(program)["sessions"]
    gone = world.do(token_revoke, world.ana, token_id=made["tokenId"])
    assert gone["alreadyRevoked"] is False
    with pytest.raises(UnauthenticatedError):
        conversation_list(program)


def test_a_second_revocation_changes_nothing(world):
    made = _make(world, world.ana)
    first = world.do(token_revoke, world.ana, token_id=made["tokenId"])
    second = world.do(token_revoke, world.admin, token_id=made["tokenId"])
    assert (second["alreadyRevoked"], second["revokedAt"]) == (True, first["revokedAt"])
    assert AuditEvent.objects.filter(type="token.revoked", outcome="ok").count() == 1


def test_a_stranger_cannot_revoke(world):
    made = _make(world, world.ana)
    with pytest.raises(ForbiddenError):
        world.do(token_revoke, world.bob, token_id=made["tokenId"])
    with pytest.raises(ForbiddenError):
        world.do(token_revoke, world.bob, token_id=made["tokenId"] + 1000)  # nor learn which ids exist
    assert ApiToken.objects.get(pk=made["tokenId"]).revoked_at is None


def test_a_list_shows_own_tokens_or_all_to_who_manages(world):
    _make(world, world.ana)
    assert len(token_list(world.ana, username="ana")["tokens"]) == 1
    assert len(token_list(world.admin)["tokens"]) == 1
    with pytest.raises(ForbiddenError):
        token_list(world.bob, username="ana")


def test_who_manages_people_cannot_become_a_superuser(world):
    manager = person("mia", "Admin")
    with pytest.raises(ForbiddenError):
        _make(world, manager, username="admin")
    with pytest.raises(ForbiddenError):
        world.do(sign_in_link_create, manager, username="admin")
    with pytest.raises(ForbiddenError):
        world.do(user_change, manager, username="admin", is_active=False)
    assert _make(world, manager, username="ana")["username"] == "ana"


def test_a_token_says_when_it_was_last_used(world, client):
    made = _make(world, world.admin)
    headers = {"authorization": f"Bearer {made['token']}"}
    assert client.post("/rpc/sessions.list", "{}", content_type="application/json", headers=headers).status_code == 200
    first = ApiToken.objects.get(pk=made["tokenId"]).last_used_at
    client.post("/rpc/sessions.list", "{}", content_type="application/json", headers=headers)
    assert first is not None
    assert ApiToken.objects.get(pk=made["tokenId"]).last_used_at == first, "noted once a minute, not with every call"
