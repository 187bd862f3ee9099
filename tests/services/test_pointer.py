"""Law 2: one place moves the pointer. Read in the source, and driven through every verb that a person or the server may call."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.db import connection

from sessions_app.models import AuditEvent, Conversation
from sessions_app.runtime.settle import settle_alone
from tests.services.cases import PEOPLE
from tests.support.world import command

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"current_session", "current_session_id"}
READS = {"filter", "exclude", "get", "Q"}  # a keyword of these is a question, of any other call it is a value
SQL = re.compile(r"UPDATE\s+sessions_app_conversation\s+SET[^;]*current_session", re.IGNORECASE)
MOVES = {"session_reset", "archive_restore", "checkpoint_restore", "position_restore"}


def _writes(node):
    """Whether a piece of source could write the pointer: an assignment, a value of a call, a dict of values, or SQL."""
    match node:
        case ast.Assign(targets=targets):
            return any(isinstance(target, ast.Attribute) and target.attr in NAMES for target in targets)
        case ast.AugAssign(target=ast.Attribute(attr=name)) | ast.AnnAssign(target=ast.Attribute(attr=name)):
            return name in NAMES
        case ast.Call(func=func, keywords=keywords):
            called = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            return called not in READS and any(keyword.arg in NAMES for keyword in keywords)
        case ast.Dict(keys=keys):
            return any(isinstance(key, ast.Constant) and key.value in NAMES for key in keys)
        case ast.Constant(value=str(text)):
            return bool(SQL.search(text))
    return False


def test_only_the_pointer_module_writes_it():
    writing = {
        str(path.relative_to(ROOT))
        for folder in ("sessions_app", "controlui")
        for path in (ROOT / folder).rglob("*.py")
        if "migrations" not in path.parts and any(map(_writes, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert writing == {"sessions_app/services/_pointer.py"}


@pytest.mark.parametrize(
    ("source", "is_write"),
    [
        ("conversation.current_session = new", True),
        ("rows.update(current_session_id=new)", True),
        ("rows.update(**{'current_session': new})", True),
        ("cursor.execute('UPDATE sessions_app_conversation SET current_session_id = 1')", True),
        ("rows.filter(current_session=old)", False),
        ("conversation.current_session == old", False),
        ("restore(expected_current_session_id=old)", False),
    ],
)
def test_a_write_is_told_from_a_question(source, is_write):
    assert any(map(_writes, ast.walk(ast.parse(source)))) is is_write


def test_the_pointer_module_writes_it_by_compare_and_set():
    source = (ROOT / "sessions_app/services/_pointer.py").read_text(encoding="utf-8")
    updates = re.findall(r"Conversation\.objects\.filter\(([^)]*)\)\.update\(current_session=(\w+)\)", source)
    assert updates == [
        ("pk=conversation.pk, current_session=None", "session"),
        ("pk=conversation.pk, current_session=old", "new"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("case", PEOPLE, ids=str)
def test_only_reset_and_restore_move_an_existing_pointer_and_each_move_is_audited(world, case):
    params = case.params(world)
    before, seen = dict(Conversation.objects.values_list("pk", "current_session")), AuditEvent.objects.count()
    world.do(case.verb, **params)
    after = dict(Conversation.objects.filter(pk__in=before).values_list("pk", "current_session"))
    moved = {pk for pk in before if before[pk] != after[pk]}
    assert len(moved) == (case.verb.__name__ in MOVES)
    for pk in moved:
        row = AuditEvent.objects.get(seq__gt=seen)
        assert (row.old_session_id, row.new_session_id) == (before[pk], after[pk])


@pytest.mark.django_db
def test_a_pointer_that_cannot_be_audited_does_not_move(world):

    case = next(case for case in PEOPLE if case.verb.__name__ == "session_reset")
    wanted, before = command(case.verb, world.ana, **case.params(world)), world.current
    with connection.cursor() as cursor:  # the head of the chain is gone: no audit row can be written
        cursor.execute("DELETE FROM sessions_app_audithead")
    settled = settle_alone(wanted)
    assert settled.error is not None
    assert world.current == before
