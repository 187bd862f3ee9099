"""What the database itself refuses, told by raw SQL: guards in Python alone are slipped past."""

from __future__ import annotations

import uuid

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from sessions_app.models import AuditEvent, Checkpoint, Conversation, Entry, Event, Receipt, Run, Session, Span
from sessions_app.models.audit import AuditRowsAreImmutable
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.conversations import conversation_create
from sessions_app.services.restore import position_restore
from tests.support.rows import everything

pytestmark = pytest.mark.django_db


@pytest.fixture
def full(world):
    """A world in which every table of the spine has rows."""
    world.talk("one", "two")
    world.do(checkpoint_create, session_key=world.key, session_id=world.current, seq=1)
    old = world.current
    world.do(position_restore, session_key=world.key, session_id=old, seq=2, expected_current_session_id=old)
    world.say("three")
    world.claim()
    world.do(conversation_create, title="Other")
    return world


def _sql(statement, *params):
    """Run a statement past all of our code, constraints checked at once."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, params)
        connection.check_constraints()


def _refused(statement, *params):
    before, audited = everything(), list(AuditEvent.objects.values())
    with pytest.raises(IntegrityError):
        _sql(statement, *params)
    assert (everything(), list(AuditEvent.objects.values())) == (before, audited)


def _copy(model, pk=None, **changed):
    """INSERT of a stored row again, with some columns changed."""
    row = model.objects.order_by("pk").last() if pk is None else model.objects.get(pk=pk)
    fields = [f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField) or f.name in changed]
    values = []
    for field in fields:
        value = changed.get(field.name, changed.get(field.attname, getattr(row, field.attname)))
        values.append(field.get_db_prep_save(value, connection))
    columns = ", ".join(f'"{field.column}"' for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({marks})", *values


def _new_uuid():

    return uuid.uuid4()


@pytest.mark.parametrize("step", [0, -1, 2, 100], ids=["same", "before", "gap", "far"])
def test_entries_are_numbered_without_gaps(full, step):
    last = Entry.objects.filter(session=full.current).order_by("seq").last()
    _refused(*_copy(Entry, last.pk, seq=last.seq + step))


def test_the_next_entry_is_taken(full):
    last = Entry.objects.filter(session=full.current).order_by("seq").last()
    _sql(*_copy(Entry, last.pk, seq=last.seq + 1))


@pytest.mark.parametrize("seq", [1, 2, 4])
def test_a_branchs_own_entries_start_behind_its_parents(full, seq):
    empty = Session.objects.create(
        conversation=full.conversation,
        parent_id=Session.objects.get(parent=None, conversation=full.conversation).pk,
        parent_seq=2,
        last_seq=2,
        started_at=full.session.started_at,
        ended_at=full.session.started_at,
        end_reason="reset",
        end_trigger="rpc",
    )
    _refused(*_copy(Entry, session_id=empty.pk, seq=seq))
    _sql(*_copy(Entry, session_id=empty.pk, seq=3))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sessions_app_entry SET text = 'other'",
        "UPDATE sessions_app_entry SET seq = seq + 100",
        "DELETE FROM sessions_app_entry",
        "UPDATE sessions_app_auditevent SET reason = 'other'",
        "UPDATE sessions_app_auditevent SET hash = hash",
        "DELETE FROM sessions_app_auditevent",
    ],
)
def test_history_cannot_be_changed_or_deleted(full, statement):
    _refused(statement)


@pytest.mark.parametrize("step", [0, 2, -1])
def test_audit_rows_are_numbered_without_gaps(full, step):
    last = AuditEvent.objects.order_by("seq").last()
    _refused(*_copy(AuditEvent, last.pk, seq=last.seq + step, hash="f" * 64))


def test_audit_rows_are_guarded_in_python_too(full):
    row = AuditEvent.objects.order_by("seq").last()
    for change in (
        row.save,
        row.delete,
        AuditEvent.objects.all().delete,
        lambda: AuditEvent.objects.update(reason="other"),
        lambda: AuditEvent.objects.filter(seq=row.seq).update(reason="other"),
    ):
        with pytest.raises(AuditRowsAreImmutable):
            change()


def test_nonsense_is_refused_by_the_engine(full):
    session, run = full.session, Run.objects.get(state="running")
    conversation, archived = full.conversation, Session.objects.filter(ended_at__isnull=False).first()
    other = Conversation.objects.exclude(pk=conversation.pk).first()
    wrong = {
        "a second running run": _copy(Run, run.pk, id=_new_uuid(), request_id="another"),
        "a duplicate request id of a run": _copy(Run, run.pk, id=_new_uuid(), state="done", finished_at=run.created_at),
        "a run that has ended without a time": _copy(Run, run.pk, id=_new_uuid(), request_id="b", state="done"),
        "a run of no known state": _copy(Run, run.pk, id=_new_uuid(), request_id="c", state="dreaming"),
        "a duplicate receipt": _copy(Receipt),
        "a duplicate event number": _copy(Event),
        "a second conversation of a key": _copy(Conversation, conversation.pk, id=_new_uuid(), current_session=None),
        "a parent without a position": _copy(Session, session.pk, id=_new_uuid(), parent_seq=0, parent_id=archived.pk),
        "a position without a parent": _copy(Session, session.pk, id=_new_uuid(), parent_id=None),
        "a session shorter than what it shares": _copy(Session, session.pk, id=_new_uuid(), last_seq=1),
        "an end without a reason": _copy(Session, session.pk, id=_new_uuid(), ended_at=session.started_at),
        "a parent that is nowhere": _copy(Session, session.pk, id=_new_uuid(), parent_id=_new_uuid()),
        "a checkpoint before the first entry": _copy(Checkpoint, id=_new_uuid(), seq=0),
        "a checkpoint of nothing": _copy(Checkpoint, id=_new_uuid(), session_id=_new_uuid()),
        "a second open span": _copy(Span, Span.objects.get(closed_at=None).pk, id=_new_uuid()),
        "an entry of no session": _copy(Entry, session_id=_new_uuid(), seq=1),
        "an entry of no known kind": _copy(Entry, seq=session.last_seq + 1, session_id=session.pk, kind="rumour"),
        "an audit row of nobody": _copy(AuditEvent, seq=AuditEvent.objects.count() + 1, hash="e" * 64, actor_label=""),
        "an audit row of no known trigger": _copy(
            AuditEvent, seq=AuditEvent.objects.count() + 1, hash="d" * 64, trigger="unknown"
        ),
        "two keys at one session": (
            "UPDATE sessions_app_conversation SET current_session_id = (SELECT current_session_id FROM "
            "sessions_app_conversation WHERE key = %s) WHERE key = %s",
            conversation.key,
            other.key,
        ),
        "a pointer to nowhere": (
            "UPDATE sessions_app_conversation SET current_session_id = %s WHERE key = %s",
            Session._meta.pk.get_db_prep_value(_new_uuid(), connection),
            conversation.key,
        ),
        "a session that others point at": ("DELETE FROM sessions_app_session",),
        "a conversation with history": ("DELETE FROM sessions_app_conversation",),
        "an account with history": ("DELETE FROM sessions_app_user",),
        "a second head of the audit chain": _copy_head(),
    }
    for what, statement in wrong.items():
        try:
            _refused(*statement)
        except pytest.fail.Exception as failure:
            raise AssertionError(f"the engine took {what}") from failure


def _copy_head():
    return "INSERT INTO sessions_app_audithead (id, last_seq, hash) VALUES (%s, %s, %s)", 2, 0, "0" * 64


def test_no_key_takes_history_along():
    keys = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("sessions_app").get_models()
        for field in model._meta.get_fields(include_parents=False)
        if isinstance(field, models.ForeignKey) and field.remote_field.on_delete is not models.PROTECT
    ]
    assert keys == []


def test_an_audit_row_points_at_nothing():
    assert [field.name for field in AuditEvent._meta.get_fields() if field.is_relation] == []


def test_deleting_by_the_orm_takes_nothing_along_either(full):
    for row in (full.conversation, full.session, Run.objects.first(), full.conversation.owner):
        before = everything()
        with pytest.raises(models.ProtectedError):
            row.delete()
        assert everything() == before
