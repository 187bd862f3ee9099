"""The audit log as it is read: its filters, and the proof that nobody changed it."""

from __future__ import annotations

import pytest
from django.db import connection

from sessions_app.errors import ForbiddenError
from sessions_app.models import AuditEvent, AuditHead
from sessions_app.selectors.audit import audit_head, audit_list, audit_verify
from sessions_app.services.conversations import conversation_patch
from tests.support.rows import audits

pytestmark = pytest.mark.django_db


def test_audit_rows_are_filtered_by_each_column(world):
    world.talk()
    world.reset()
    with pytest.raises(ForbiddenError):
        world.do(conversation_patch, world.bob, session_key=world.key, title="x")
    filters = {
        "type": "session.reset",
        "actor_label": "bob",
        "outcome": "refused",
        "session_key": world.key,
        "trigger": "rpc",
    }
    for name, value in filters.items():
        shown = [row["id"] for row in audit_list(world.auditor, **{name: value})["events"]]
        assert shown == [row["id"] for row in reversed(audits(**{name: value}))]
        assert 0 < len(shown) < len(audits()) or name == "trigger"
    assert audit_list(world.auditor, type="session.reset", outcome="refused")["events"] == []


def test_a_whole_chain_verifies_and_ends_at_the_head(world):
    world.reset()
    head = audit_head(world.auditor)
    assert audit_verify(world.auditor) == {"ok": True, **head}
    assert head["events"] == AuditEvent.objects.count()
    assert head["headHash"] == AuditEvent.objects.order_by("seq").last().hash


@pytest.mark.parametrize("column", ["reason", "actor_label", "type", "created_at", "prev_hash", "hash"])
def test_a_changed_row_breaks_the_chain_at_its_place(world, column):
    world.reset()
    world.reset()
    row = AuditEvent.objects.order_by("seq")[1]
    values = {"type": "token.created", "created_at": AuditEvent.objects.order_by("seq").last().created_at}
    setattr(row, column, values.get(column, "f" * 64))
    _past_the_trigger(row, column)
    assert audit_verify(world.auditor) == {"ok": False, **audit_head(world.auditor), "firstBroken": row.seq}


def test_a_cut_tail_breaks_the_chain(world):
    world.reset()
    AuditHead.objects.update(last_seq=99)
    count = AuditEvent.objects.count()
    assert audit_verify(world.auditor)["firstBroken"] == count + 1


def _past_the_trigger(row, column):
    """What somebody with the database file could do."""
    with connection.cursor() as cursor:
        on = " ON sessions_app_auditevent" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER audit_no_update{on}")
        field = AuditEvent._meta.get_field(column)
        value = field.get_db_prep_save(getattr(row, column), connection)
        cursor.execute(f"UPDATE sessions_app_auditevent SET {column} = %s WHERE seq = %s", [value, row.seq])
