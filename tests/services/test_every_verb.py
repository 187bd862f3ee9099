"""What is the same for every verb a person may call: who is refused, what a refusal leaves, when it is told, and repeats."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from sessions_app.errors import (
    ConfirmationStaleError,
    ForbiddenError,
    InvalidParamsError,
    ReasonRequiredError,
    RequestConflictError,
    SessionMovedError,
    UnauthenticatedError,
)
from sessions_app.models import AuditEvent, Event
from sessions_app.runtime.settle import settle_alone
from sessions_app.services import perform as gate
from sessions_app.values import Trigger
from tests.services.cases import MOVING, OWN_TESTS, PEOPLE, SYSTEM_VERBS
from tests.support.rows import audits, everything, history_rows
from tests.support.world import command

every_verb = pytest.mark.parametrize("case", PEOPLE, ids=str)


def _refused(perform, wanted, error):
    """Carry out a command that must be refused; what changed, and the audit rows it left."""
    before, seen = everything(), AuditEvent.objects.count()
    with pytest.raises(error) as caught:
        perform(wanted)
    assert everything() == before
    return caught.value, audits(seq__gt=seen)


def test_every_verb_is_tested_here_or_at_home():
    tested = {case.verb for case in PEOPLE} | SYSTEM_VERBS | OWN_TESTS
    elsewhere = {"people", "tokens", "adopt", "adopt_lines", "adopt_marks"}  # their own modules
    ours = {
        verb for verb in gate._FACTS if verb.__module__.startswith("sessions_app.")
    }  # tests make verbs of their own
    known = {verb for verb in ours if verb.__module__.rpartition(".")[2] not in elsewhere}
    assert known == {verb for verb in tested if verb.__module__.rpartition(".")[2] not in elsewhere}


@every_verb
def test_a_stranger_is_refused_and_nothing_is_written(world, perform, case):
    stranger = getattr(world, case.stranger)
    wanted = command(case.verb, stranger, **case.params(world))
    _, left = _refused(perform, wanted, ForbiddenError)
    assert [(row["outcome"], row["actor"]) for row in left] == (case.audit is not None) * [("refused", stranger.label)]


@every_verb
def test_a_disabled_account_is_refused_and_nothing_is_written(world, perform, case):
    params = case.params(world)
    get_user_model().objects.filter(pk=world.ana.user_id).update(is_active=False)
    _refused(perform, command(case.verb, world.ana, **params), UnauthenticatedError)


@pytest.mark.parametrize("case", MOVING, ids=str)
def test_who_believes_something_stale_is_refused_and_nothing_is_written(world, perform, case):
    params = case.params(world)
    case.stale(world)
    wanted = command(case.verb, world.ana, **params)
    error, left = _refused(perform, wanted, case.error)
    if case.audit is None:
        assert left == []
        return
    believed = params.get("expected_current_session_id") or params["session_id"]
    assert left == [
        {
            "id": left[0]["id"],
            "type": case.audit,
            "outcome": "refused",
            "actor": "ana",
            "actorKind": "user",
            "actorId": world.ana.id,
            "trigger": "rpc",
            "sessionKey": world.key,
            "oldSessionId": str(believed),
            "newSessionId": None,
            "reason": "",
            "requestId": wanted.call.request_id,
            "data": {"error": {"code": case.error.code, "message": error.message}},
        }
    ]


@pytest.mark.parametrize("case", [case for case in MOVING if case.error.code == "session_moved"], ids=str)
def test_who_is_told_that_the_session_moved_gets_both_ids(world, perform, case):
    params = case.params(world)
    believed = world.current
    case.stale(world)
    error, _ = _refused(perform, command(case.verb, world.ana, **params), case.error)
    ids = {"oldSessionId": str(believed), "newSessionId": str(world.current)}
    assert error.details == {"sessionKey": world.key, **ids}


@every_verb
def test_a_repeat_gets_the_first_answer_and_changes_nothing(world, perform, case):
    wanted = command(case.verb, world.ana, **case.params(world))
    first = perform(wanted)
    before, seen = history_rows(), AuditEvent.objects.count()
    second = perform(wanted)
    assert second == first | ({"duplicate": True} if case.verb.__name__ == "turn_submit" else {})
    assert (history_rows(), AuditEvent.objects.count()) == (before, seen)


@every_verb
def test_a_used_request_id_for_something_else_is_a_conflict(world, perform, case):
    params = case.params(world)
    wanted = command(case.verb, world.ana, **params)
    perform(wanted)
    _refused(
        perform, command(case.verb, world.ana, wanted.call.request_id, **{**params, **case.other}), RequestConflictError
    )


@every_verb
def test_the_same_request_id_of_somebody_else_is_another_request(world, perform, case):
    wanted = command(case.verb, world.ana, **case.params(world))
    perform(wanted)
    before = everything()
    try:
        perform(command(case.verb, world.admin, wanted.call.request_id, **wanted.params))
    except (SessionMovedError, ConfirmationStaleError, InvalidParamsError, ReasonRequiredError):
        return  # the world has moved on, or it is not theirs; that is no conflict
    assert everything() != before


@every_verb
@pytest.mark.django_db(transaction=True)
def test_it_is_told_only_after_the_commit(world, writer, heard, case):
    wanted = command(case.verb, world.ana, **case.params(world))
    before = set(Event.objects.values_list("pk", flat=True))
    writer.call(wanted)
    new = Event.objects.exclude(pk__in=before)
    writer.call(wanted)  # a repeat has nothing to tell
    poked = {pk for effects in heard.effects for pk in effects.pokes}
    assert poked == set(new.values_list("conversation_id", flat=True))
    assert heard.in_transaction == [False] * len(heard.effects)
    if poked:
        assert heard.events_seen[0] == Event.objects.filter(conversation__in=poked).count()


@every_verb
@pytest.mark.django_db(transaction=True)
def test_a_refusal_tells_nobody(world, writer, heard, case):
    with pytest.raises(ForbiddenError):
        writer.call(command(case.verb, getattr(world, case.stranger), **case.params(world)))
    assert [effects for effects in heard.effects if effects.pokes or effects.wake_runner or effects.stop_runs] == []


@pytest.mark.parametrize("case", [case for case in PEOPLE if case.audit], ids=str)
@pytest.mark.parametrize("trigger", [Trigger.UI_BUTTON, Trigger.SLASH_COMMAND, Trigger.CLI, Trigger.ADMIN])
@pytest.mark.django_db
def test_the_trigger_is_what_the_transport_says(world, case, trigger):
    params = case.params(world)
    seen = AuditEvent.objects.count()
    settle_alone(command(case.verb, world.ana, trigger=trigger, **params)).result()
    assert [(row["type"], row["outcome"], row["trigger"]) for row in audits(seq__gt=seen)] == [
        (case.audit, "ok", trigger)
    ]
