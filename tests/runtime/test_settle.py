"""Each stated failure of a batch: who loses, who does not, and what is stored when somebody is told."""

from __future__ import annotations

import logging

import pytest
from django.db import DatabaseError, connection, transaction

from sessions_app.errors import ErrorCode, HoldfastError
from sessions_app.models import AuditEvent, Conversation, Entry, Receipt, Run, Session
from sessions_app.runtime.settle import settle_batch
from sessions_app.selectors.audit import audit_verify
from sessions_app.services.turns import turn_submit
from sessions_app.values import AuditType, Json, Outcome
from tests.runtime import verbs
from tests.runtime.verbs import Wrapper
from tests.support.world import command

sqlite_only = pytest.mark.skipif("os.environ.get('TEST_ENGINE') == 'postgres'", reason="the page limit is SQLite's")
postgres_only = pytest.mark.skipif("os.environ.get('TEST_ENGINE') != 'postgres'", reason="PostgreSQL's own trouble")
pytestmark = pytest.mark.django_db(transaction=True)


def sends(world, count, size=5):
    return [
        command(
            turn_submit, world.ana, session_key=world.key, session_id=world.current, message=f"{n:03} " + "y" * size
        )
        for n in range(count)
    ]


def codes(ends):
    return [end.error.code if isinstance(end.error, HoldfastError) else end.error for end in ends]


def nothing_was_written(world):
    return not Entry.objects.filter(session=world.current).exists() and not Run.objects.exists()


def failing_commits(monkeypatch, fails, *, after=False):
    """Let COMMIT fail as the driver does when the disk breaks: before it is through, or after, its answer lost."""
    real, numbers = Wrapper._commit, iter(range(1000))

    def commit(self):
        number = next(numbers)
        if after:
            real(self)
        if number in fails:
            raise DatabaseError("disk I/O error")
        if not after:
            real(self)

    monkeypatch.setattr(Wrapper, "_commit", commit)


@sqlite_only
def test_a_full_disk_acknowledges_nothing_and_stores_nothing(world, disk):
    disk.fill()
    ends = settle_batch(sends(world, 5, size=100_000))
    assert codes(ends) == [ErrorCode.STORAGE_UNAVAILABLE] * 5
    assert nothing_was_written(world)


@sqlite_only
def test_on_a_full_disk_whoever_still_fits_is_stored_and_nobody_is_told_wrong(world, disk):
    disk.fill()
    wanted = [*sends(world, 3), *sends(world, 1, size=250_000), *sends(world, 3)]
    ends = settle_batch(wanted)
    assert codes(ends)[3] == ErrorCode.STORAGE_UNAVAILABLE
    told = [c.params["message"] for c, end in zip(wanted, ends, strict=True) if end.error is None]
    assert world.texts() == told
    assert all(run.request_digest for run in Run.objects.all())


@sqlite_only
def test_what_a_full_disk_refused_is_taken_when_there_is_room_again(world, disk):
    disk.fill()
    wanted = sends(world, 4, size=100_000)
    assert codes(settle_batch(wanted)) == [ErrorCode.STORAGE_UNAVAILABLE] * 4
    disk.free()
    again = settle_batch(wanted)
    assert [end.result()["duplicate"] for end in again] == [False] * 4
    assert world.texts() == [c.params["message"] for c in wanted]


@sqlite_only
def test_a_full_disk_inside_a_batch_of_many_verbs_reruns_all_others(world, disk):
    big = command(verbs.title_write, world.ana, session_key=world.key, title="t" * 100_000)
    small = [command(verbs.title_write, world.ana, session_key=world.key, title=f"title {n}") for n in range(4)]
    disk.fill()
    ends = settle_batch([*small[:2], big, *small[2:]])
    assert codes(ends) == [None, None, ErrorCode.STORAGE_UNAVAILABLE, None, None]
    assert [end.result()["before"] for end in [*ends[:2], *ends[3:]]] == [
        "Release planning",
        "title 0",
        "title 1",
        "title 2",
    ]
    assert world.conversation.title == "title 3"


def test_a_bad_verb_among_fifty_spares_its_neighbours(world):
    wanted = sends(world, 50)
    bad = [verbs.key_taken, verbs.title_refused, verbs.parent_missing, verbs.mistake]
    for place, verb in zip((7, 20, 33, 41), bad, strict=True):
        params: Json = {"title": "never"} if verb is verbs.title_refused else {}
        wanted[place] = command(verb, world.ana, session_key=world.key, **params)
    logging.disable(logging.CRITICAL)
    ends = settle_batch(wanted)
    logging.disable(logging.NOTSET)
    assert [n for n, end in enumerate(ends) if end.error] == [7, 20, 33, 41]
    assert world.texts() == [c.params["message"] for n, c in enumerate(wanted) if n not in {7, 20, 33, 41}]
    assert world.conversation.title == "Release planning"
    assert [end.result()["entrySeq"] for end in ends if end.answer] == list(range(1, 47))


def test_a_refusal_and_a_broken_constraint_do_not_cost_the_batch_its_transaction(world, monkeypatch):
    commits: list[int] = []
    real = Wrapper._commit

    def counted(self):
        commits.append(1)
        real(self)

    monkeypatch.setattr(Wrapper, "_commit", counted)
    refused = command(verbs.title_refused, world.ana, session_key=world.key, title="never")
    ends = settle_batch([*sends(world, 3), refused, command(verbs.key_taken, world.ana, session_key=world.key)])
    assert codes(ends) == [None, None, None, ErrorCode.FORBIDDEN, ErrorCode.INTERNAL]
    assert len(commits) == 1
    row = AuditEvent.objects.get(type=AuditType.CONVERSATION_CHANGED)
    assert (row.outcome, row.data["error"]["code"]) == (Outcome.REFUSED, "forbidden")


def test_a_key_that_points_nowhere_fails_the_commit_and_only_its_own_verb(world):
    ends = settle_batch(
        [*sends(world, 2), command(verbs.parent_missing, world.ana, session_key=world.key), *sends(world, 1)]
    )
    assert codes(ends) == [None, None, ErrorCode.INTERNAL, None]
    assert not ends[2].error.retryable  # trying again would never help
    assert [end.result()["entrySeq"] for end in ends if end.answer] == [1, 2, 3]
    assert Session.objects.filter(conversation__isnull=True).count() == 0


def test_a_commit_that_fails_tells_nobody_and_all_are_carried_out_alone(world, monkeypatch):
    failing_commits(monkeypatch, {0})
    ends = settle_batch(sends(world, 5))
    assert [end.result()["entrySeq"] for end in ends] == [1, 2, 3, 4, 5]
    assert [end.result()["duplicate"] for end in ends] == [False] * 5
    assert Entry.objects.filter(session=world.current).count() == 5


def test_a_commit_that_fails_again_costs_only_whoever_it_fails_for(world, monkeypatch):
    failing_commits(monkeypatch, {0, 2})
    wanted = sends(world, 4)
    ends = settle_batch(wanted)
    assert codes(ends) == [None, ErrorCode.STORAGE_UNAVAILABLE, None, None]
    assert world.texts() == [c.params["message"] for n, c in enumerate(wanted) if n != 1]


def test_a_commit_that_was_through_although_it_raised_stores_nothing_twice(world, monkeypatch):
    failing_commits(monkeypatch, {0}, after=True)
    wanted = [*sends(world, 3), command(verbs.title_write, world.ana, session_key=world.key, title="once")]
    ends = settle_batch(wanted)
    assert [end.result().get("duplicate", True) for end in ends] == [True] * 4  # the receipts answered
    assert ends[3].answer == {"before": "Release planning"}
    assert len(world.texts()) == 3


def test_a_mistake_of_ours_leaves_nothing_half_done_and_is_audited_as_failed(world, caplog):
    ends = settle_batch([command(verbs.mistake, world.ana, session_key=world.key), *sends(world, 1)])
    assert codes(ends) == [ErrorCode.INTERNAL, None]
    assert world.conversation.title == "Release planning"
    assert AuditEvent.objects.get(type=AuditType.CONVERSATION_CHANGED).outcome == Outcome.FAILED
    assert ends[0].error.details["errorId"] in caplog.text
    assert "ZeroDivisionError" not in ends[0].error.message
    assert audit_verify(world.admin)["ok"]


def test_a_refused_verb_keeps_no_receipt_so_a_later_try_is_a_new_one(world):
    refused = command(verbs.title_refused, world.ana, session_key=world.key, title="never")
    settle_batch([refused, *sends(world, 1)])
    assert not Receipt.objects.filter(request_id=refused.call.request_id).exists()


@postgres_only
def test_a_connection_that_is_lost_costs_its_own_verb_only(world):
    ends = settle_batch([*sends(world, 2), command(verbs.connection_lost, world.ana), *sends(world, 2)])
    assert codes(ends) == [None, None, ErrorCode.STORAGE_UNAVAILABLE, None, None]
    assert len(world.texts()) == 4


def test_inside_a_callers_block_nothing_is_committed(world):
    with transaction.atomic():
        settle_batch(sends(world, 3))
        assert connection.in_atomic_block
        transaction.set_rollback(True)
    assert nothing_was_written(world)
    assert Conversation.objects.get(key=world.key).last_event == 0
