"""A reset takes two calls: what confirms it, and everything that does not."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from django.core import signing

from sessions_app.errors import ConfirmationRequiredError, ConfirmationStaleError, ForbiddenError, SessionMovedError
from sessions_app.models import Run
from sessions_app.services.conversations import conversation_create, conversation_patch
from sessions_app.services.reset import CLEARED, KEPT, reset_preview, session_reset
from sessions_app.services.restore import archive_restore
from sessions_app.services.runs import partials_save
from sessions_app.values import SYSTEM
from tests.support.rows import audits, everything


def _wanted(world, token, **more):
    return {"session_key": world.key, "session_id": world.current, "confirmation": token, **more}


def _token(world, actor=None, key=None):
    return reset_preview(actor or world.ana, session_key=key or world.key)["token"]


@pytest.fixture
def refused(world, act):
    """Tries a reset that must be refused as stale; everything must stay as it was, and the attempt be on record."""

    def attempt(token, actor=None, error=ConfirmationStaleError, **more):
        before = everything()
        with pytest.raises(error) as caught:
            act(session_reset, actor or world.ana, **{**_wanted(world, token), **more})
        assert everything() == before
        left = audits()[-1]
        assert (left["type"], left["outcome"], left["data"]["error"]["code"]) == (
            "session.reset",
            "refused",
            str(error.code),
        )
        return caught.value

    return attempt


@pytest.fixture
def clock(monkeypatch):
    """Turns the time at which tokens are made back."""

    def turn_back(seconds):
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() - seconds)

    yield turn_back
    monkeypatch.undo()


def test_without_a_token_the_preview_comes_back_and_nothing_is_changed(world, refused):
    world.talk("one", "two")
    error = refused("", error=ConfirmationRequiredError)
    preview = error.details["preview"]
    facts = {"sessionKey": world.key, "sessionId": str(world.current), "title": "Release planning", "locked": False}
    counted = {"entries": 2, "messages": 2, "lastSeq": 2, "activeRun": None, "queued": 0}
    assert preview.items() >= {**facts, **counted, "kept": list(KEPT), "cleared": list(CLEARED)}.items()
    assert set(preview) == {*facts, *counted, "kept", "cleared", "lastActivityAt", "token", "expiresAt"}


def test_the_token_of_the_details_confirms(world, act, refused):
    world.talk()
    token = refused("", error=ConfirmationRequiredError).details["preview"]["token"]
    assert act(session_reset, world.ana, **_wanted(world, token))["archived"] is True


def test_the_preview_tells_what_runs_and_what_waits(world, perform):
    first, _, _ = world.say("a"), world.say("b"), world.say("c")
    preview = reset_preview(world.ana, session_key=world.key)
    assert (preview["activeRun"], preview["queued"]) == ({"runId": first["runId"], "state": "queued"}, 3)
    world.claim()
    preview = reset_preview(world.ana, session_key=world.key)
    assert (preview["activeRun"], preview["queued"]) == ({"runId": first["runId"], "state": "running"}, 2)
    world.do(conversation_patch, session_key=world.key, locked=True)
    assert reset_preview(world.ana, session_key=world.key)["locked"] is True


def test_a_preview_changes_nothing_and_is_not_for_strangers(world, perform):
    world.talk()
    before = everything()
    _token(world)
    with pytest.raises(ForbiddenError):
        _token(world, world.bob)
    with pytest.raises(ForbiddenError):
        _token(world, world.auditor)
    assert everything() == before


def test_another_persons_token_is_stale(world, refused):
    world.talk()
    refused(_token(world, world.operator))
    refused(_token(world), actor=world.operator)


def test_the_token_of_another_conversation_is_stale(world, refused):
    other = world.do(conversation_create, title="Other")
    refused(_token(world, key=other["sessionKey"]))


def test_a_token_is_stale_when_an_entry_came_since(world, refused):
    world.talk()
    token = _token(world)
    world.talk()
    refused(token)


def test_a_token_is_stale_when_an_answer_came_since(world, refused):
    sent = world.say()
    world.claim()
    token = _token(world)
    world.finish(sent["runId"])
    refused(token)


def test_a_token_stays_good_while_an_answer_streams(world, act):
    sent = world.say()
    world.claim()
    token = _token(world)
    world.do(partials_save, SYSTEM, partials={UUID(sent["runId"]): "half of"})
    act(session_reset, world.ana, **_wanted(world, token, stop_run=True))
    assert Run.objects.get().state == "aborted"


def test_a_token_is_good_for_two_minutes(world, act, refused, clock, monkeypatch):
    world.talk()
    clock(121)
    expired = _token(world)
    monkeypatch.undo()
    refused(expired)
    clock(110)
    young = _token(world)
    monkeypatch.undo()
    assert act(session_reset, world.ana, **_wanted(world, young))["archived"] is True


def test_a_used_token_is_stale(world, refused):
    world.talk()
    believed, token = world.current, _token(world)
    moved = world.reset(confirmation=token)
    refused(token)  # by somebody who sees the new session
    refused(token, session_id=believed)  # and by somebody who still sees the old one
    world.do(
        archive_restore,
        session_key=world.key,
        session_id=believed,
        expected_current_session_id=UUID(moved["newSessionId"]),
    )
    refused(token)  # and when the old one is back


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: "A" + token,
        lambda token: "x",
        lambda token: "a:b:c",
        lambda token: token.partition(":")[2],
        lambda token: "é" + token,
        lambda token: signing.dumps(signing.loads(token, salt="holdfast.reset.confirmation"), salt="another"),
        lambda token: signing.dumps(
            signing.loads(token, salt="holdfast.reset.confirmation"), key="another", salt="holdfast.reset.confirmation"
        ),
    ],
    ids=["last-letter", "first-letter", "a-word", "three-words", "no-body", "not-ascii", "other-purpose", "other-key"],
)
def test_a_forged_token_is_stale(world, refused, forge):
    world.talk()
    refused(forge(_token(world)))


def test_a_session_that_moved_is_told_with_both_ids(world, refused):
    world.talk()
    believed = world.current
    world.reset()
    fresh = _token(world)
    error = refused(fresh, error=SessionMovedError, session_id=believed)
    ids = {"oldSessionId": str(believed), "newSessionId": str(world.current)}
    assert error.details == {"sessionKey": world.key, **ids}


def test_a_repeat_needs_no_token_any_more(world, act):
    world.talk()
    wanted = _wanted(world, _token(world))
    first = act(session_reset, world.ana, "key-1", **wanted)
    assert act(session_reset, world.ana, "key-1", **{**wanted, "confirmation": ""}) == first
    assert world.conversation.session_count == 2
