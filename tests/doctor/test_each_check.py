"""A table: what is damaged, the one finding it makes, and that carrying out the plan leaves none and loses nothing."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from sessions_app.models import AuditEvent, HookDelivery, HookEvent, Run, Session
from sessions_app.runtime.doctor import checks_place
from sessions_app.values import RunState

pytestmark = pytest.mark.django_db(transaction=True)

LOST = uuid.UUID("00000000-0000-4000-8000-000000000001")
KEY = "agent:main:ana"

# what is found: (statement, its values as names of the patient's or as they are)
DAMAGES: dict[str, tuple[str, str, tuple[object, ...]]] = {
    "a pointer that is empty": (
        "pointer_missing", "UPDATE sessions_app_conversation SET current_session_id = NULL WHERE key = ?", (KEY,)),
    "a pointer to nothing": (
        "pointer_dangling", "UPDATE sessions_app_conversation SET current_session_id = ? WHERE key = ?", (LOST, KEY)),
    "a current session that ended": (
        "pointer_to_ended",
        "UPDATE sessions_app_session SET ended_at = '2026-01-01 00:00:00', end_reason = 'reset', end_trigger = 'rpc' WHERE id = ?",
        ("other",)),
    "an archive without its mark": (
        "archive_unmarked",
        "UPDATE sessions_app_session SET ended_at = NULL, end_reason = '', end_trigger = '' WHERE id = ?", ("archived",)),
    "counts of a conversation": (
        "counts_wrong", "UPDATE sessions_app_conversation SET session_count = 7 WHERE key = ?", (KEY,)),
    "a gap": ("transcript_damaged", "DELETE FROM sessions_app_entry WHERE session_id = ? AND seq = 3", ("archived",)),
    "a lost end": ("transcript_damaged", "DELETE FROM sessions_app_entry WHERE session_id = ? AND seq >= 5", ("archived",)),
    "everything lost": ("transcript_damaged", "DELETE FROM sessions_app_entry WHERE session_id = ?", ("archived",)),
    "a number that moved": (
        "transcript_damaged", "UPDATE sessions_app_entry SET seq = 60 WHERE session_id = ? AND seq = 6", ("archived",)),
    "data that is no JSON": (
        "transcript_damaged", "UPDATE sessions_app_entry SET data = '{\"a' WHERE session_id = ? AND seq = 2", ("archived",)),
    "text that is no UTF-8": (
        "transcript_damaged",
        "UPDATE sessions_app_entry SET text = CAST(x'61ff62' AS TEXT) WHERE session_id = ? AND seq = 5", ("archived",)),
    "text that is no text": (
        "transcript_damaged", "UPDATE sessions_app_entry SET text = x'ff00' WHERE session_id = ? AND seq = 5", ("archived",)),
    "a time that is none": (
        "transcript_damaged", "UPDATE sessions_app_entry SET created_at = 'noon' WHERE session_id = ? AND seq = 1", ("archived",)),
    "a text that was changed": (
        "transcript_damaged", "UPDATE sessions_app_entry SET text = 'lies' WHERE session_id = ? AND seq = 2", ("archived",)),
    "a digest that was changed": (
        "transcript_damaged", "UPDATE sessions_app_entry SET digest = 'ab' WHERE session_id = ? AND seq = 6", ("archived",)),
    "a parent that is missing": (
        "transcript_damaged", "UPDATE sessions_app_session SET parent_id = ? WHERE id = ?", (LOST, "branch")),
    "a parent that is too short": (
        "transcript_damaged",
        "UPDATE sessions_app_session SET parent_seq = 99, last_seq = 99 WHERE id = ?", ("branch",)),
    "a session that is its own parent": (
        "transcript_damaged", "UPDATE sessions_app_session SET parent_id = id WHERE id = ?", ("branch",)),
    "a counter that is too small": (
        "counters_wrong", "UPDATE sessions_app_session SET last_seq = 2 WHERE id = ?", ("archived",)),
    "a counter that is too large": (
        "counters_wrong", "UPDATE sessions_app_session SET last_seq = 2000 WHERE id = ?", ("archived",)),
    "a number of messages": (
        "counters_wrong", "UPDATE sessions_app_session SET messages = 1 WHERE id = ?", ("archived",)),
    "a session's digest": ("counters_wrong", "UPDATE sessions_app_session SET digest = 'x' WHERE id = ?", ("archived",)),
    "an archive's digest": (
        "counters_wrong", "UPDATE sessions_app_session SET archived_digest = 'x' WHERE id = ?", ("archived",)),
    "a quarantine of something whole": (
        "quarantine_unneeded",
        "UPDATE sessions_app_session SET damaged_from = 2, damage = 'looked bad' WHERE id = ?", ("archived",)),
    "an audit row that was changed": ("audit_broken", "UPDATE sessions_app_auditevent SET reason = 'lies' WHERE seq = 2", ()),
    "an audit row that cannot be read": ("audit_broken", "UPDATE sessions_app_auditevent SET data = '{' WHERE seq = 2", ()),
    "an audit row that is gone": ("audit_broken", "DELETE FROM sessions_app_auditevent WHERE seq = 2", ()),
    "the end of the audit log gone": (
        "audit_head_wrong", "DELETE FROM sessions_app_auditevent WHERE seq = (SELECT MAX(seq) FROM sessions_app_auditevent)", ()),
    "an audit head that is wrong": ("audit_head_wrong", "UPDATE sessions_app_audithead SET last_seq = 1", ()),
    "an audit head that is missing": ("audit_head_wrong", "DELETE FROM sessions_app_audithead", ()),
    "events that are gone": (
        "events_missing", "DELETE FROM sessions_app_event WHERE conversation_id = ? AND number IN (2, 3)", ("owner_id",)),
    "a cursor that is behind": (
        "events_cursor_wrong", "UPDATE sessions_app_conversation SET last_event = 1 WHERE key = ?", (KEY,)),
    "a cursor that is ahead": (
        "events_cursor_wrong", "UPDATE sessions_app_conversation SET last_event = 9000 WHERE key = ?", (KEY,)),
    "a title that is no text": (
        "value_unreadable", "UPDATE sessions_app_conversation SET title = CAST(x'61ff' AS TEXT) WHERE key = ?", (KEY,)),
    "an event that is no JSON": (
        "value_unreadable", "UPDATE sessions_app_event SET payload = '{' WHERE conversation_id = ? AND number = 2", ("owner_id",)),
    "a time of a session": (
        "value_unreadable", "UPDATE sessions_app_session SET last_entry_at = 'then' WHERE id = ?", ("archived",)),
    "a reference to nothing": (
        "reference_dangling", "UPDATE sessions_app_run SET retry_of_id = ? WHERE session_id = ? AND input_seq = 1", (LOST, "archived")),
    "an event of nobody": (
        "reference_dangling",
        "INSERT INTO sessions_app_event (conversation_id, number, type, payload, created_at) VALUES (?, 1, 'chat', '{}', '2026-01-01 00:00:00')",
        (LOST,)),
}  # fmt: skip


@pytest.mark.parametrize("name", list(DAMAGES))
def test_a_damage_makes_one_finding_and_the_plan_leaves_none(patient, name):
    code, sql, values = DAMAGES[name]
    wanted = [
        getattr(patient, value) if isinstance(value, str) and hasattr(patient, value) else value for value in values
    ]
    assert patient.codes() == []
    assert patient.damage(sql, *wanted) >= 1
    with patient.opened() as raw:
        before = sorted(raw.execute("SELECT session_id, seq, text, data, digest FROM sessions_app_entry").fetchall())
    found = patient.examined()
    assert [finding.code for finding in found.findings] == [code]
    (finding,) = found.findings
    assert finding.words.endswith(".")
    assert finding.plan.endswith(".")
    done = patient.treated()
    assert (done["repaired"], done["skipped"], done["failed"]) == (1, 0, 0)
    assert done["left"]["findings"] == []
    with patient.opened() as raw:
        after = sorted(raw.execute("SELECT session_id, seq, text, data, digest FROM sessions_app_entry").fetchall())
    assert after == before  # no entry was lost or changed


def test_a_pointer_into_another_conversation(patient):
    session = patient.world.reset()["oldSessionId"]
    patient.damage(
        "UPDATE sessions_app_conversation SET current_session_id = ? WHERE key = 'agent:main:other'", uuid.UUID(session)
    )
    assert patient.codes() == ["pointer_foreign"]
    patient.treated()
    assert patient.codes() == []


def test_a_session_that_is_gone_is_made_again_where_the_audit_log_says(patient):
    before = Session.objects.get(pk=patient.archived)
    patient.damage("DELETE FROM sessions_app_session WHERE id = ?", patient.archived)
    assert sorted(patient.codes()) == ["counts_wrong", "session_missing"]
    assert patient.treated()["left"]["findings"] == []
    after = Session.objects.get(pk=patient.archived)
    assert (after.conversation_id, after.last_seq, after.messages) == (
        patient.owner_id,
        before.last_seq,
        before.messages,
    )
    assert (after.digest, after.ended_at is None) == (before.digest, False)


def test_guards_that_are_missing(patient):
    with patient.opened(keep_guards=False):
        pass
    assert patient.codes() == ["guards_missing"]
    patient.treated()
    assert patient.codes() == []
    assert patient.damage("UPDATE sessions_app_entry SET text = text WHERE 1 = 0") == 0


def test_an_answer_and_a_span_that_nobody_owns(patient):
    patient.world.say("are you there?")
    patient.world.claim()
    Run.objects.filter(state=RunState.RUNNING).update(partial="half an answ")
    assert sorted(patient.codes()) == ["run_without_owner", "span_without_owner"]
    assert patient.treated()["left"]["ok"]
    assert patient.world.texts()[-1] == "half an answ"
    assert patient.codes() == []


def test_an_interrupted_answer_is_no_finding(patient):
    patient.world.say("are you there?")
    claimed = patient.world.claim()
    patient.world.finish(claimed[0]["runId"], "half", RunState.INTERRUPTED)
    assert patient.codes() == ["span_without_owner"]


def test_a_message_that_waits_in_an_archive(patient):
    patient.damage(
        "UPDATE sessions_app_run SET state = 'queued', finished_at = NULL WHERE session_id = ? AND input_seq = 1",
        patient.archived,
    )
    assert patient.codes() == ["run_in_archive"]
    patient.treated()
    assert patient.codes() == []


def test_hooks_that_were_given_up(patient):
    event = HookEvent.objects.all()[0]
    HookDelivery.objects.create(
        event=event, session=event.session, subscriber="ci", state="dead", next_at=timezone.now(), attempts=9
    )
    assert patient.codes() == ["hooks_undelivered"]
    patient.treated()
    assert patient.codes() == []
    assert HookDelivery.objects.get().state == "pending"


def test_rights_that_let_others_in(patient, tmp_path):
    key = tmp_path / "data" / "secret_key"
    key.write_text("secret")
    key.chmod(0o644)
    assert patient.codes() == ["rights_open"]
    assert patient.treated()["repaired"] == 1
    assert patient.codes() == []
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_needs_a_person(patient, monkeypatch):
    monkeypatch.setattr(checks_place, "FREE_MIN_BYTES", 2**62)
    found = patient.examined()
    assert [finding.code for finding in found.findings] == ["disk_low"]
    assert found.plan == ""


def test_files_of_others_are_no_finding(patient, tmp_path):
    (tmp_path / "data" / "notes.txt").write_text("mine")
    assert patient.codes() == []


def test_what_was_done_is_audited(patient):
    patient.damage("UPDATE sessions_app_session SET messages = 1 WHERE id = ?", patient.archived)
    done = patient.treated()
    event = AuditEvent.objects.get(seq=done["auditId"])
    assert (event.type, event.outcome, event.actor_label, event.trigger) == ("doctor.applied", "ok", "admin", "cli")
    assert event.data["repaired"] == 1
    (told,) = event.data["done"]
    assert (told["code"], told["repair"]["was"]["messages"]) == ("counters_wrong", 1)
    assert event.data["backup"] == done["backup"]
