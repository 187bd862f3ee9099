"""Whatever small damage is done: the doctor does not faint, one treatment is enough, and no healthy entry is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions_app.models import Session
from sessions_app.selectors.salvage import gap_end
from sessions_app.selectors.transcript import history
from sessions_app.values import SYSTEM
from tests.doctor.place import Patient

pytestmark = pytest.mark.django_db(transaction=True)

RUBBISH = st.sampled_from([None, "", "x", "{", "[]", "9999-99-99", b"\xff\xfe", 1.5, "\x00"])
NUMBERS = st.sampled_from([0, -1, 3, 4, 40])
NUMBERED = {
    "seq",
    "message_no",
    "last_seq",
    "messages",
    "archived_seq",
    "last_event",
    "session_count",
    "checkpoint_count",
    "number",
}
COLUMNS = {
    "sessions_app_entry": ["seq", "kind", "role", "text", "data", "digest", "created_at", "message_no"],
    "sessions_app_session": [
        "last_seq",
        "messages",
        "digest",
        "ended_at",
        "archived_seq",
        "archived_digest",
        "last_entry_at",
    ],
    "sessions_app_conversation": ["title", "last_event", "session_count", "checkpoint_count", "current_session_id"],
    "sessions_app_event": ["number", "payload", "type", "created_at"],
    "sessions_app_run": ["partial", "error", "created_at"],
    "sessions_app_receipt": ["answer", "verb"],
}
PLACE = st.sampled_from([(table, column) for table in COLUMNS for column in ["DELETE", *COLUMNS[table]]])
WOUND = PLACE.flatmap(lambda p: st.tuples(st.just(p), st.integers(0, 40), NUMBERS if p[1] in NUMBERED else RUBBISH))
ANY_WOUND = st.tuples(PLACE, st.integers(0, 40), st.one_of(RUBBISH, NUMBERS))


def _wound(patient, where, place, value):
    table, column = where
    with patient.opened() as raw:
        rows = [row[0] for row in raw.execute(f"SELECT rowid FROM {table} ORDER BY rowid")]
        rowid = rows[place % len(rows)] if rows else -1
        try:
            if column == "DELETE" and table in {"sessions_app_entry", "sessions_app_event"}:
                raw.execute(f"DELETE FROM {table} WHERE rowid = ?", [rowid])
            elif column != "DELETE":
                raw.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [value, rowid])
        except patient.refusal:
            pass  # NOT NULL and UNIQUE hold even here


@pytest.fixture
def ward(patient) -> Iterator[Callable[[], Patient]]:
    """A patient who is whole again each time it is asked for."""
    with closing(patient.kept()) as copy:

        def fresh() -> Patient:
            patient.healed(copy)
            return patient

        yield fresh


def _entries(patient):
    with patient.opened() as raw:
        return sorted(
            raw.execute("SELECT id, session_id, text, data, digest FROM sessions_app_entry").fetchall(), key=repr
        )


CALM: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@settings(max_examples=40, **CALM)
@given(wounds=st.lists(ANY_WOUND, min_size=1, max_size=5))
def test_an_examination_never_faints(ward, wounds):
    patient = ward()
    for wound in wounds:
        _wound(patient, *wound)
    for deep in (True, False):
        found = patient.examined(deep=deep)
        assert found.as_json()["ok"] == (not found.findings)


@settings(max_examples=40, **CALM)
@given(wounds=st.lists(WOUND, min_size=1, max_size=6))
def test_one_treatment_is_enough_and_loses_nothing(ward, wounds):
    patient = ward()
    for wound in wounds:
        _wound(patient, *wound)
    before = _entries(patient)
    found = patient.examined()
    assert [f.words for f in found.findings if f.code == "check_failed"] == []
    if found.plan:
        done = patient.treated()
        assert done["failed"] == 0
    left = [f for f in patient.examined().findings if f.code != "database_broken"]  # CHECK constraints: a person's
    assert left == []
    assert _entries(patient) == before
    for session in Session.objects.select_related("conversation"):
        page = history(SYSTEM, session_key=session.conversation.key, session_id=session.pk)
        assert sum(gap_end(entry) - entry["seq"] + 1 for entry in page["entries"]) == page["lastSeq"]
