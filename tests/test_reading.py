"""Reading what others own is accounted for: no method and no page shows text of another's session before a reason was given."""

from __future__ import annotations

import dataclasses
import datetime
import json
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from sessions_app import access
from sessions_app.errors import ForbiddenError, InvalidParamsError, ReasonRequiredError
from sessions_app.gateway.methods import METHODS
from sessions_app.models import ApiToken, AuditEvent
from sessions_app.selectors import reading as reading_module
from sessions_app.selectors.accounting import access_list
from sessions_app.selectors.events import events_since
from sessions_app.selectors.reading import reading_require, sessions_readable
from sessions_app.selectors.transcript import history
from sessions_app.services.reading import session_export_record, session_open
from sessions_app.services.tokens import token_create
from sessions_app.values import SYSTEM, AuditType
from tests.support.doors import METHOD_CASES, PAGE_CASES, address_of, caller, page_names, place_made

pytestmark = pytest.mark.django_db
SECRET = "kingfisher"
READERS = ["operator", "auditor", "admin"]


@pytest.fixture
def place(world):
    """Ana's conversation, archived and current, with a word in every message."""
    world.talk(f"what is {SECRET}?", f"{SECRET} is a bird")
    return place_made(world)


def opened(world, actor, reason="ticket 7", session=None):
    wanted = {"session_key": world.key, "session_id": session or world.current, "reason": reason}
    return world.do(session_open, actor, **wanted)


@pytest.mark.parametrize("role", READERS)
def test_no_method_shows_another_s_words_without_a_reason(world, place, role):
    who = caller(world, role)
    told = []
    for name in METHODS:
        params = METHOD_CASES[name](place, who.actor)
        params |= {"sessionId": place.archived} if name == "chat.history" else {}
        params |= {"afterEvent": 0} if name == "events.sync" else {}
        if name in ("sessions.open", "gateway.restart"):
            continue
        answer = who.client.post(f"/rpc/{name}", json.dumps(params), content_type="application/json")
        if SECRET in answer.content.decode():
            told.append(name)
    assert told == []


@pytest.mark.parametrize("role", READERS)
def test_no_page_shows_another_s_words_without_a_reason(world, place, role):
    who = caller(world, role)
    told = []
    for case in PAGE_CASES:
        verb, _, name = case.partition(" ")
        if verb == "GET" and name != "signin-link":
            form = PAGE_CASES[case](place, who.actor)
            address = form.pop("address", {})
            address |= {"session": place.archived} if "session" in address else {}
            answer = who.client.get(address_of(place, name, address), form)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            if SECRET.encode() in body:
                told.append(name)
    assert told == []
    assert "own-access" in page_names()


def test_a_reason_opens_one_session_for_one_actor_for_an_hour(world):
    world.talk()
    old = world.current
    world.reset()
    with pytest.raises(ReasonRequiredError) as refused:
        history(world.operator, session_key=world.key, session_id=old)
    assert refused.value.details == {"sessionKey": world.key, "sessionIds": [str(old)], "method": "sessions.open"}
    answer = opened(world, world.operator, session=old)
    assert history(world.operator, session_key=world.key, session_id=old)["entries"]
    for actor, session in ((world.operator, None), (world.auditor, old), (world.admin, old)):
        with pytest.raises(ReasonRequiredError):
            history(actor, session_key=world.key, session_id=session)
    later = timezone.now() + datetime.timedelta(minutes=60)
    assert answer["readableUntil"] < later.isoformat()
    with patch.object(reading_module.timezone, "now", return_value=later), pytest.raises(ReasonRequiredError):
        history(world.operator, session_key=world.key, session_id=old)


def test_an_opening_is_an_exact_audit_row(world):
    answer = opened(world, world.operator, "  ticket 7,\n asked by ana ")
    row = AuditEvent.objects.get(pk=answer["auditId"])
    assert (row.type, row.actor_label, row.reason) == (AuditType.SESSION_OPENED, "olga", "ticket 7, asked by ana")
    assert (row.session_key, row.old_session_id, row.new_session_id) == (world.key, world.current, world.current)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_no_reason_is_no_reason(world, reason):
    with pytest.raises(InvalidParamsError):
        opened(world, world.operator, reason)
    with pytest.raises(ReasonRequiredError):
        history(world.operator, session_key=world.key)


def test_a_stranger_may_not_open_whatever_they_say(world):
    with pytest.raises(ForbiddenError):
        opened(world, world.bob)
    with pytest.raises(ForbiddenError):
        history(world.bob, session_key=world.key)


def test_owners_the_system_and_the_machine_s_own_commands_are_not_asked(world, settings):
    asked = {"session_key": world.key}
    assert history(world.ana, **asked)["sessionKey"] == world.key
    assert opened(world, world.ana, "")["auditId"] is None
    assert history(dataclasses.replace(world.admin, at_machine=True), **asked)["sessionKey"] == world.key
    assert reading_require(SYSTEM, world.conversation, world.current) is None
    settings.ASK_READING_REASON = False
    assert history(world.operator, **asked)["sessionKey"] == world.key
    assert events_since(world.operator, **asked)["readableUntil"] is None


def test_a_token_gives_its_own_reason(world):
    made = world.do(token_create, world.admin, username="olga", name="audit", scopes=["read"])
    token = access.actor_for_token(ApiToken.objects.select_related("user").get(pk=made["tokenId"]))
    opened(world, world.operator)
    with pytest.raises(ReasonRequiredError):
        history(token, session_key=world.key)
    opened(world, token)
    assert history(token, session_key=world.key)["sessionId"] == str(world.current)


def test_many_openings_later_the_hour_is_still_found(world):
    opened(world, world.operator)
    with patch.object(reading_module, "_PAGE_ROWS", 3):
        for _ in range(7):
            opened(world, world.auditor)
        assert reading_require(world.operator, world.conversation, world.current) is not None
    owners = {world.current: world.conversation.owner_id}
    assert sessions_readable(world.operator, owners) == {world.current}
    assert sessions_readable(world.admin, owners) == set()
    assert sessions_readable(world.ana, owners) == {world.current}


def test_events_are_told_only_of_sessions_that_were_opened(world):
    world.talk()
    old = world.current
    world.reset()
    opened(world, world.operator)
    assert events_since(world.operator, session_key=world.key)["readableUntil"]
    with pytest.raises(ReasonRequiredError) as refused:
        events_since(world.operator, session_key=world.key, after_event=0)
    assert refused.value.details["sessionIds"] == [str(old)]
    opened(world, world.operator, session=old)
    assert events_since(world.operator, session_key=world.key, after_event=0)["events"]


def test_the_owner_sees_who_did_what_and_why(world):
    world.talk()
    opened(world, world.auditor, "yearly check")
    world.do(session_export_record, world.auditor, session_id=world.current, form="Markdown")
    world.do(session_export_record, world.ana, session_id=world.current, form="Markdown")
    world.reset(world.operator, reason="stuck")
    world.reset()
    rows = access_list(world.ana)["events"]
    assert [(row["type"], row["actor"], row["reason"], row["form"]) for row in rows] == [
        ("session.reset", "olga", "stuck", ""),
        ("session.exported", "andre", "", "Markdown"),
        ("session.opened", "andre", "yearly check", ""),
    ]
    assert access_list(world.ana, session_key=world.key)["events"] == rows
    assert access_list(world.bob)["events"] == access_list(world.operator)["events"] == []
    with pytest.raises(ForbiddenError):
        access_list(world.operator, session_key=world.key)
    page = access_list(world.ana, limit=2)
    assert access_list(world.ana, limit=2, cursor=page["nextCursor"])["events"] == rows[2:]


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_form_leads_to_our_own_pages_only(world, wanted):
    client = caller(world, "operator").client
    form = {"request_id": "r", "key": world.key, "session": str(world.current), "reason": "ticket 7", "next": wanted}
    assert client.post("/reading/", form)["Location"] == "/"


def test_a_page_asks_and_goes_on_to_what_was_wanted(world):
    world.talk(f"about the {SECRET}")
    client: Client = caller(world, "operator").client
    address = f"/chat/{world.key}/?before=9"
    asked = client.get(address)
    assert asked.status_code == 428
    assert 'name="next" value="/chat/agent:main:ana/?before=9"' in asked.content.decode()
    form = {"request_id": "r", "key": world.key, "session": str(world.current), "next": address}
    assert client.post("/reading/", {**form, "reason": " "}).status_code == 400
    assert client.post("/reading/", {**form, "reason": "ticket 7"})["Location"] == address
    assert SECRET in client.get(address).content.decode()
    owner = caller(world, "owner").client.get("/account/access/").content.decode()
    assert "ticket 7" in owner
    assert "olga" in owner
    part = caller(world, "auditor").client.get(f"/chat/{world.key}/entries/", headers={"HX-Request": "true"})
    assert part["HX-Redirect"].startswith("/reading/?key=agent")
