"""Reset, restore, checkpoints and branches by form, with and without htmx."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client

from sessions_app.models import AuditEvent, Checkpoint, Conversation, Session
from sessions_app.services.conversations import conversation_create
from tests.support.world import World
from tests.web.conftest import SignedIn, hidden_fields

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def reset_form(client: Client, world: World, **changes: str) -> dict[str, str]:
    page = client.get(f"/chat/{world.key}/reset/").content.decode()
    return {**hidden_fields(page, "data-reset"), **changes}


def reset(client: Client, world: World, **changes: str) -> str:
    """Reset by the page; returns the id of the session put aside."""
    old = str(world.current)
    client.post(f"/chat/{world.key}/reset/", reset_form(client, world, **changes))
    return old


def test_the_dialog_shows_facts_and_changes_nothing(world: World, ana: Client) -> None:
    world.talk()
    before = world.current
    page = ana.get(f"/chat/{world.key}/reset/", headers=HTMX)
    assert page.templates[0].name == "_reset.html"
    assert str(before) in page.content.decode()
    assert world.current == before


def test_a_reset_by_form_leads_to_the_new_session_with_an_undo(world: World, ana: Client) -> None:
    world.talk()
    old = str(world.current)
    answer = ana.post(f"/chat/{world.key}/reset/", reset_form(ana, world, reason="enough"), follow=True)
    assert answer.redirect_chain == [(f"/chat/{world.key}/", 303)]
    html = answer.content.decode()
    assert old in html
    assert str(world.current) in html
    assert "Undo" in html
    event = AuditEvent.objects.filter(type="session.reset").latest("seq")
    assert (event.trigger, event.reason, event.outcome) == ("ui-button", "enough", "ok")


def test_a_typed_command_is_recorded_as_one(world: World, ana: Client) -> None:
    world.talk()
    reset(ana, world, command_text="/new plan")
    assert AuditEvent.objects.filter(type="session.reset").latest("seq").trigger == "slash-command"
    assert "/new plan" in ana.get(f"/chat/{world.key}/").content.decode()


def test_htmx_is_led_to_the_conversation(world: World, ana: Client) -> None:
    world.talk()
    answer = ana.post(f"/chat/{world.key}/reset/", reset_form(ana, world), headers=HTMX)
    assert answer["HX-Redirect"] == f"/chat/{world.key}/"


def test_pressing_twice_resets_once(world: World, ana: Client) -> None:
    world.talk()
    form = reset_form(ana, world)
    for _ in range(2):
        assert ana.post(f"/chat/{world.key}/reset/", form).status_code == 303
    assert Session.objects.filter(conversation=world.conversation).count() == 2


def test_a_stale_confirmation_asks_again_with_the_facts_as_they_are(world: World, ana: Client) -> None:
    form = reset_form(ana, world)
    world.talk("meanwhile")
    before = world.current
    answer = ana.post(f"/chat/{world.key}/reset/", form, headers=HTMX)
    assert answer.status_code == 409
    assert answer["HX-Retarget"] == "#ask"
    html = answer.content.decode()
    assert hidden_fields(html, "data-reset")["confirmation"] != form["confirmation"]
    assert world.current == before


def test_a_running_answer_is_asked_about_and_can_be_stopped(world: World, ana: Client) -> None:
    world.say("still being answered")
    world.claim()
    form = reset_form(ana, world)
    refused = ana.post(f"/chat/{world.key}/reset/", {**form, "run": "wait"})
    assert refused.status_code == 409
    assert "Stop now and keep what is there" in refused.content.decode()
    before = world.current
    ana.post(f"/chat/{world.key}/reset/", reset_form(ana, world, run="stop"))
    assert world.current != before


def test_restore_brings_the_same_session_back(world: World, ana: Client) -> None:
    world.talk("remember me")
    old = reset(ana, world)
    page = ana.get(f"/chat/{world.key}/").content.decode()
    form = hidden_fields(page, 'id="act-restore"')
    answer = ana.post(f"/chat/{world.key}/restore/", {**form, "session_id": old}, follow=True)
    assert str(world.current) == old
    assert "remember me" in answer.content.decode()


def test_a_restore_that_meets_a_running_answer_asks(world: World, ana: Client) -> None:
    world.talk()
    old = reset(ana, world)
    world.say("running")
    world.claim()
    form = hidden_fields(ana.get(f"/chat/{world.key}/").content.decode(), 'id="act-restore"')
    asked = ana.post(f"/chat/{world.key}/restore/", {**form, "session_id": old}, headers=HTMX)
    assert (asked.status_code, asked["HX-Retarget"]) == (409, "#ask")
    again = hidden_fields(asked.content.decode(), "data-act")
    ana.post(f"/chat/{world.key}/restore/", {**again, "run": "stop"})
    assert str(world.current) == old


def test_a_restore_that_believes_in_another_session_is_refused(world: World, ana: Client) -> None:
    world.talk()
    old = reset(ana, world)
    form = {"request_id": str(uuid.uuid4()), "session_id": old, "expected_current_session_id": old}
    before = world.current
    answer = ana.post(f"/chat/{world.key}/restore/", form)
    assert answer.status_code == 409
    assert "The conversation moved on" in answer.content.decode()
    assert world.current == before


def test_a_checkpoint_is_made_previewed_restored_and_branched(world: World, ana: Client) -> None:
    world.talk("one")
    form = hidden_fields(ana.get(f"/chat/{world.key}/").content.decode(), 'id="mark-form"')
    ana.post(f"/chat/{world.key}/checkpoints/", {**form, "seq": "2", "label": "here"})
    mark = Checkpoint.objects.get()
    assert (mark.seq, mark.label) == (2, "here")
    assert "here" in ana.get(f"/chat/{world.key}/checkpoints/{mark.pk}/").content.decode()
    page = ana.get(f"/chat/{world.key}/").content.decode()
    branch = {**hidden_fields(page, 'id="act-checkpoint-branch"'), "checkpoint_id": str(mark.pk)}
    answer = ana.post(f"/chat/{world.key}/checkpoints/branch/", branch)
    assert answer.status_code == 303
    assert Conversation.objects.exclude(key=world.key).filter(current_session__parent__isnull=False).exists()
    restore = {**hidden_fields(page, 'id="act-checkpoint-restore"'), "checkpoint_id": str(mark.pk)}
    ana.post(f"/chat/{world.key}/checkpoints/restore/", restore)
    assert world.session.parent_seq == 2


def test_two_buttons_of_one_form_are_two_requests(world: World, ana: Client) -> None:
    world.talk("one")
    world.talk("two")
    page = ana.get(f"/chat/{world.key}/").content.decode()
    form = hidden_fields(page, 'id="act-position-branch"')
    before = Conversation.objects.count()
    for seq in ("2", "2", "4"):
        assert ana.post(f"/chat/{world.key}/positions/branch/", {**form, "seq": seq}).status_code == 303
    assert Conversation.objects.count() == before + 2


def test_edit_and_resend_branches_before_the_message_and_keeps_the_original(world: World, ana: Client) -> None:
    world.talk("one")
    world.talk("two <b>&amp;")
    before = world.current
    form = hidden_fields(ana.get(f"/chat/{world.key}/").content.decode(), 'id="act-message-edit"')
    answer = ana.post(f"/chat/{world.key}/positions/edit/", {**form, "seq": "3"})
    page = ana.get(answer["Location"]).content.decode()
    assert ">two &lt;b&gt;&amp;amp;</textarea>" in page
    branch = Conversation.objects.exclude(key=world.key).get(current_session__parent=before)
    assert branch.current_session.parent_seq == 2
    assert world.current == before
    assert "</textarea>" in ana.get(f"/chat/{branch.key}/").content.decode()
    assert "two" not in ana.get(f"/chat/{branch.key}/").content.decode()


def test_edit_of_the_very_first_message_begins_an_empty_conversation(world: World, ana: Client) -> None:
    world.talk("one")
    form = hidden_fields(ana.get(f"/chat/{world.key}/").content.decode(), 'id="act-message-edit"')
    answer = ana.post(f"/chat/{world.key}/positions/edit/", {**form, "seq": "1"})
    assert ">one</textarea>" in ana.get(answer["Location"]).content.decode()


def test_only_what_a_person_wrote_is_edited_and_nobody_elses_is_shown(
    world: World, ana: Client, signed_in: SignedIn
) -> None:
    world.talk("one")
    form = hidden_fields(ana.get(f"/chat/{world.key}/").content.decode(), 'id="act-message-edit"')
    assert ana.post(f"/chat/{world.key}/positions/edit/", {**form, "seq": "2"}).status_code == 400
    own = world.do(conversation_create, world.bob, title="mine")["sessionKey"]
    stolen = {"edit_key": world.key, "edit_session": str(world.current), "edit_seq": "1"}
    assert ">one</textarea>" not in signed_in(world.bob).get(f"/chat/{own}/", stolen).content.decode()


def test_restore_to_here_continues_from_that_message(world: World, ana: Client) -> None:
    world.talk("one")
    world.talk("two")
    form = hidden_fields(ana.get(f"/chat/{world.key}/").content.decode(), 'id="act-position-restore"')
    ana.post(f"/chat/{world.key}/positions/restore/", {**form, "seq": "2"})
    html = ana.get(f"/chat/{world.key}/").content.decode()
    assert "one" in html
    assert world.session.parent_seq == 2


@pytest.mark.parametrize("where", ["reset/", "restore/", "checkpoints/", "positions/branch/", "settings/", "send/"])
def test_a_stranger_is_refused(world: World, signed_in: SignedIn, where: str) -> None:
    form = {
        "request_id": str(uuid.uuid4()),
        "session_id": str(world.current),
        "seq": "1",
        "title": "mine",
        "message": "hi",
        "expected_current_session_id": str(world.current),
        "confirmation": "x",
    }
    before = world.current
    assert signed_in(world.bob).post(f"/chat/{world.key}/{where}", form).status_code == 403
    assert world.current == before


def test_a_form_without_request_id_is_refused(world: World, ana: Client) -> None:
    answer = ana.post(
        f"/chat/{world.key}/restore/",
        {"session_id": str(uuid.uuid4()), "expected_current_session_id": str(world.current)},
    )
    assert answer.status_code == 400
