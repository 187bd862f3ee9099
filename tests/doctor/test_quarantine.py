"""A damaged session reads up to its damage and takes nothing more; everything else goes on."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from sessions_app.errors import ForbiddenError
from sessions_app.models import AuditEvent, Entry, Run, Session
from sessions_app.runtime.quarantine import quarantine_noticed
from sessions_app.selectors.context import context_messages
from sessions_app.selectors.damage import noticed_taken
from sessions_app.selectors.events import events_since
from sessions_app.selectors.export import DAMAGE_KIND, session_export
from sessions_app.selectors.sessions import session_get
from sessions_app.selectors.transcript import history
from sessions_app.services.branches import position_branch
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.quarantine import session_quarantine
from sessions_app.services.restore import archive_restore, position_restore
from sessions_app.services.turn_control import turn_retry
from sessions_app.services.turns import turn_submit
from sessions_app.values import SYSTEM, RunState

pytestmark = pytest.mark.django_db(transaction=True)
ALL = [1, 2, 3, 4, 5, 6]  # what the archived session holds
BAD = {
    "bad JSON": "UPDATE sessions_app_entry SET data = '{' WHERE session_id = ? AND seq = ?",
    "bad UTF-8": "UPDATE sessions_app_entry SET text = CAST(x'61ff' AS TEXT) WHERE session_id = ? AND seq = ?",
    "no text": "UPDATE sessions_app_entry SET text = x'ff00' WHERE session_id = ? AND seq = ?",
    "a bad time": "UPDATE sessions_app_entry SET created_at = 'noon' WHERE session_id = ? AND seq = ?",
    "missing": "DELETE FROM sessions_app_entry WHERE session_id = ? AND seq = ?",
}


def _read(patient, session_id, **bounds):
    page = history(patient.world.ana, session_key=patient.world.key, session_id=session_id, **bounds)
    return [entry["seq"] for entry in page["entries"]], page.get("damage")


@pytest.mark.parametrize("how", list(BAD))
def test_a_reader_that_meets_damage_answers_up_to_it_and_sets_the_session_aside(patient, how):
    patient.damage(BAD[how], patient.archived, 3)
    seqs, damage = _read(patient, patient.archived)
    assert seqs == ALL
    assert damage["fromSeq"] == 3
    assert "whole up to entry 2" in damage["words"]
    assert Session.objects.get(pk=patient.archived).damaged_from is None  # a read writes nothing
    assert quarantine_noticed() == 1
    assert Session.objects.get(pk=patient.archived).damaged_from == 3
    assert Session.objects.get(pk=patient.branch).damaged_from == 3  # it shows entries 1 to 4
    assert AuditEvent.objects.order_by("-seq").first().data["fromSeq"] == 3
    assert _read(patient, patient.archived)[0] == ALL
    assert _read(patient, patient.archived, after_seq=1)[0] == ALL[1:]
    assert _read(patient, patient.archived, before_seq=6)[0] == [1, 2, 3, 4, 5]
    assert session_get(patient.world.ana, session_id=patient.archived)["damage"]["fromSeq"] == 3
    exported = list(session_export(patient.world.ana, session_id=patient.archived)[1])
    assert [entry["seq"] for entry in exported] == ALL
    assert [entry["seq"] for entry in exported if entry["kind"] == DAMAGE_KIND] == [3]  # the copy says what it lacks
    assert exported[2]["text"] == "Entry 3 cannot be read."
    assert patient.codes() == []  # set aside is dealt with
    assert noticed_taken() == []


def test_a_branch_that_parts_before_the_damage_stays_whole(patient):
    patient.damage(BAD["bad JSON"], patient.archived, 5)
    _read(patient, patient.archived)
    quarantine_noticed()
    assert Session.objects.get(pk=patient.branch).damaged_from is None


def test_events_of_a_damaged_entry_go_on(patient):
    patient.damage(BAD["bad UTF-8"], patient.archived, 3)
    page = events_since(patient.world.ana, session_key=patient.world.key, after_event=0)
    assert page["events"][-1]["eventSeq"] == patient.world.conversation.last_event
    stand_ins = [
        e for e in page["events"] if (e["payload"].get("entry") or {}).get("data", {}).get("type") == "unreadable"
    ]
    assert [e["payload"]["entry"]["seq"] for e in stand_ins] == [3]
    assert quarantine_noticed() == 1


def test_an_event_that_cannot_be_read_stops_no_replay(patient):
    patient.damage(
        "UPDATE sessions_app_event SET payload = '{' WHERE conversation_id = ? AND number = 2", patient.owner_id
    )
    page = events_since(patient.world.ana, session_key=patient.world.key, after_event=0)
    assert [e["eventSeq"] for e in page["events"]] == list(range(1, patient.world.conversation.last_event + 1))


@pytest.fixture
def damaged(patient):
    """The current session is set aside from entry 2 on."""
    patient.damage(BAD["bad UTF-8"], patient.world.current, 2)
    _read(patient, patient.world.current)
    assert quarantine_noticed() == 1
    return patient


def test_a_damaged_session_takes_no_message_and_says_what_to_do(damaged):
    world = damaged.world
    before = Entry.objects.count()
    with pytest.raises(ForbiddenError, match=r"new session.*entry before 2.*doctor") as caught:
        world.say("hello?")
    assert caught.value.details["damage"]["fromSeq"] == 2
    assert not caught.value.retryable
    assert Entry.objects.count() == before


def test_no_answer_is_tried_again_in_it(damaged):
    world = damaged.world
    run = Run.objects.filter(session=world.current).first()
    with pytest.raises(ForbiddenError):
        world.do(turn_retry, session_key=world.key, session_id=world.current, run_id=run.pk)
    with pytest.raises(ForbiddenError):
        context_messages(world.current, 2, max_bytes=1000)


def test_a_reset_leads_out_of_it_and_takes_the_message_along(damaged):
    world = damaged.world
    done = world.reset(message="here we go")
    assert world.texts(UUID(done["newSessionId"])) == ["here we go"]
    assert damaged.codes() == []


def test_another_session_is_restored_in_its_place_but_not_the_damaged_one(damaged):
    world = damaged.world
    bad = world.current
    world.do(archive_restore, session_key=world.key, session_id=damaged.archived, expected_current_session_id=bad)
    assert world.current == damaged.archived
    with pytest.raises(ForbiddenError, match="entry before 2"):
        world.do(archive_restore, session_key=world.key, session_id=bad, expected_current_session_id=world.current)
    world.talk("life goes on", "it does")


def test_one_goes_on_from_an_entry_before_the_damage_and_from_none_behind_it(damaged):
    world = damaged.world
    bad = world.current
    for verb, rest in ((position_branch, {"seq": 2}), (checkpoint_create, {"seq": 3})):
        with pytest.raises(ForbiddenError):
            world.do(verb, session_key=world.key, session_id=bad, **rest)
    world.do(position_branch, session_key=world.key, session_id=bad, seq=1)
    world.do(position_restore, session_key=world.key, session_id=bad, seq=1, expected_current_session_id=bad)
    world.talk("again", "gladly")
    assert damaged.codes() == ["span_without_owner"]


def test_what_waits_in_it_is_withdrawn(patient):
    world = patient.world
    world.say("waits")
    world.do(session_quarantine, SYSTEM, session_id=world.current, from_seq=2, words="entry 2 cannot be read.")
    assert list(Run.objects.filter(session=world.current, state=RunState.QUEUED)) == []
    assert world.claim() == []


def test_telling_it_twice_is_one_quarantine(patient):
    for _ in range(2):
        patient.world.do(
            session_quarantine, SYSTEM, session_id=patient.archived, from_seq=4, words="entry 4 is missing."
        )
    assert AuditEvent.objects.filter(type="doctor.applied").count() == 1


def test_a_database_that_does_not_answer_is_no_damage(patient, monkeypatch):
    from django.db import OperationalError

    from sessions_app.selectors.damage import readable

    def busy():
        raise OperationalError("database is locked")

    with pytest.raises(OperationalError):
        readable(busy)
    assert noticed_taken() == []


def test_the_server_sets_aside_what_its_readers_notice(patient, monkeypatch):
    from sessions_app.runtime import quarantine

    sent = []

    class Writer:
        async def send(self, command):
            sent.append(command.params)

    async def a_while():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await quarantine.quarantine_forever(Writer())  # type: ignore[arg-type]

    monkeypatch.setattr(quarantine, "LOOK_SECONDS", 0.01)
    patient.damage(BAD["missing"], patient.archived, 4)
    _read(patient, patient.archived)
    asyncio.run(a_while())
    assert [(p["session_id"], p["from_seq"]) for p in sent] == [(patient.archived, 4)]


def test_the_batched_sends_refuse_a_damaged_session_alone(damaged):
    from sessions_app.services.turns import turns_submit
    from tests.support.world import command

    world = damaged.world
    texts = [(world.key, world.current), ("agent:main:other", damaged.other)]
    sends = [command(turn_submit, world.ana, session_key=k, session_id=s, message="x") for k, s in texts]
    first, second = turns_submit(sends)
    assert isinstance(first.error, ForbiddenError)
    assert second.error is None
