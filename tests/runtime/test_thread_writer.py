"""The writing thread: one COMMIT for many, answers and effects after it only, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import threading
from uuid import UUID

import pytest
from django.db import connection

from sessions_app.errors import DrainingError, ErrorCode, ForbiddenError, HoldfastError, SessionMovedError
from sessions_app.models import Conversation, Entry
from sessions_app.runtime.thread_writer import ThreadWriter
from sessions_app.services.reset import reset_preview, session_reset
from sessions_app.services.turn_control import run_abort
from sessions_app.services.turns import turn_submit
from sessions_app.values import NO_EFFECTS, SYSTEM
from tests.runtime import verbs
from tests.runtime.verbs import Wrapper
from tests.support.world import command

sqlite_only = pytest.mark.skipif("os.environ.get('TEST_ENGINE') == 'postgres'", reason="the page limit is SQLite's")
pytestmark = pytest.mark.django_db(transaction=True)


def send(world, message="hello", request=None):
    return command(turn_submit, world.ana, request, session_key=world.key, session_id=world.current, message=message)


def sends(world, count, size=1):
    return [send(world, f"{n:03} " + "y" * size) for n in range(count)]


def title(world, words):
    return command(verbs.title_write, world.ana, session_key=world.key, title=words)


def test_what_waits_together_is_committed_together_in_its_order(world, writer, together):
    ends = together(sends(world, 40))
    assert [end["entrySeq"] for end in ends] == list(range(1, 41))
    assert (writer.stats.batches, writer.stats.commands, writer.stats.largest_batch) == (1, 40, 40)


def test_verbs_of_many_kinds_keep_their_order(world, together):
    ends = together([title(world, "a"), send(world), send(world), title(world, "b"), send(world), title(world, "c")])
    assert [end.get("before") for end in ends] == ["Release planning", None, None, "a", None, "b"]
    assert [end["entrySeq"] for end in ends if "entrySeq" in end] == [1, 2, 3]


def test_a_batch_has_an_end(world, published):
    small = ThreadWriter(published.append, max_batch=4)
    wanted = sends(world, 10)

    async def all_of_it():
        futures = [small.send(c) for c in wanted]
        small.start()
        return await asyncio.gather(*futures)

    assert [end["entrySeq"] for end in asyncio.run(all_of_it())] == list(range(1, 11))
    small.stop()
    assert (small.stats.batches, small.stats.largest_batch) == (3, 4)


@sqlite_only
def test_a_disk_that_fills_up_is_told_to_those_it_does_not_take_and_to_nobody_else(world, writer, together, disk):
    together([command(verbs.disk_fill, SYSTEM, disk=disk)])
    wanted = [*sends(world, 5), send(world, "z" * 250_000), *sends(world, 5)]
    ends = together(wanted)
    told = [c.params["message"] for c, end in zip(wanted, ends, strict=True) if isinstance(end, dict)]
    assert ends[5].code == ErrorCode.STORAGE_UNAVAILABLE
    assert ends[5].retryable
    assert world.texts() == told
    together([command(verbs.disk_free, SYSTEM, disk=disk)])
    assert isinstance(together([wanted[5]])[0], dict)
    assert world.texts()[-1] == wanted[5].params["message"]


def test_a_bad_verb_among_fifty_spares_its_neighbours(world, together, caplog):
    wanted = sends(world, 50)
    wanted[10] = command(verbs.mistake, world.ana, session_key=world.key)
    wanted[30] = command(verbs.parent_missing, world.ana, session_key=world.key)
    ends = together(wanted)
    assert [n for n, end in enumerate(ends) if isinstance(end, HoldfastError)] == [10, 30]
    assert world.texts() == [c.params["message"] for n, c in enumerate(wanted) if n not in {10, 30}]


def test_nobody_is_told_and_nothing_is_published_before_the_commit(world, writer, published, monkeypatch):
    """COMMIT is held up: until it is through, no future is done and no effect is known."""
    reached, go = threading.Event(), threading.Event()
    real = Wrapper._commit

    def slow(self):
        if threading.current_thread().name == "holdfast-writer":
            reached.set()
            assert go.wait(20)
        real(self)

    monkeypatch.setattr(Wrapper, "_commit", slow)
    wanted = send(world)

    async def main():
        future = writer.send(wanted)
        writer.start()
        await asyncio.to_thread(reached.wait, 20)
        before = (future.done(), list(published))
        go.set()
        return before, await future

    before, answer = asyncio.run(main())
    assert before == (False, [])
    assert answer["entrySeq"] == 1
    writer.stop()
    assert [effects.wake_runner for effects in published] == [True]


def test_effects_of_a_batch_are_published_once_and_without_those_of_the_refused(world, writer, together, published):
    refused = command(verbs.title_refused, world.ana, session_key=world.key, title="never")
    together([title(world, "a"), refused, send(world)])
    writer.stop()
    assert len(published) == 1
    assert published[0].pokes == {world.conversation.pk}
    assert published[0].wake_runner
    assert not published[0].stop_runs


def test_a_batch_of_refusals_publishes_nothing(world, writer, together, published):
    ends = together([command(verbs.title_refused, world.ana, session_key=world.key, title="never")])
    writer.stop()
    assert isinstance(ends[0], ForbiddenError)
    assert published == []


def test_a_listener_that_fails_takes_no_ack_back(world, caplog):
    def broken(effects):
        assert effects != NO_EFFECTS
        raise RuntimeError("nobody listens")

    writer = ThreadWriter(broken)
    writer.start()
    assert [writer.call(send(world))["entrySeq"] for _ in range(3)] == [1, 2, 3]
    writer.stop()
    assert "cursors catch up" in caplog.text


def test_an_answer_that_nobody_could_be_told_is_given_again_to_the_retry(world, writer):
    """As after a crash between COMMIT and answer: stored, the caller's loop is gone, the same request comes again."""
    first = [send(world, "once"), title(world, "once")]

    async def gone():
        for each in first:
            writer.send(each)

    asyncio.run(gone())
    writer.start()
    again = [writer.call(each) for each in first]
    assert again[0]["duplicate"]
    assert again[0]["entrySeq"] == 1
    assert again[1] == {"before": "Release planning"}
    assert world.texts() == ["once"]


def test_a_caller_that_gave_up_waiting_loses_the_answer_only(world, writer):
    kept, following = send(world, "kept"), send(world, "next")

    async def main():
        writer.send(kept).cancel()
        writer.start()
        return await writer.send(following)

    assert asyncio.run(main())["entrySeq"] == 2
    assert world.texts() == ["kept", "next"]


def test_stopping_carries_out_what_is_queued(world, writer):
    wanted = sends(world, 90)

    async def main():
        futures = [writer.send(c) for c in wanted]
        writer.start()
        await asyncio.to_thread(writer.stop)
        return await asyncio.gather(*futures)

    assert [end["entrySeq"] for end in asyncio.run(main())] == list(range(1, 91))
    assert Entry.objects.filter(session=world.current).count() == 90
    assert not writer._thread.is_alive()


def test_after_the_stop_everything_is_refused_as_draining(world, writer):
    writer.start()
    writer.stop()
    writer.stop()  # twice is no harm
    with pytest.raises(DrainingError):
        writer.call(send(world))
    assert world.texts() == []


def test_threads_may_call_at_once(world, writer):
    writer.start()
    answers = []
    threads = [threading.Thread(target=lambda c=c: answers.append(writer.call(c))) for c in sends(world, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answer["entrySeq"] for answer in answers) == list(range(1, 21))


def test_a_reset_between_two_sends_refuses_the_second(world, together):
    preview = reset_preview(world.ana, session_key=world.key)
    there = {"session_key": world.key, "session_id": world.current}
    reset = command(session_reset, world.ana, **there, confirmation=preview["token"])
    ends = together([reset, send(world, "for the old one")])
    assert isinstance(ends[1], SessionMovedError)
    assert ends[1].details["newSessionId"] == ends[0]["newSessionId"]


def test_what_an_answer_has_so_far_is_stored_before_it_is_stopped(world, published):
    run_id = world.say()["runId"]
    world.claim()
    writer = ThreadWriter(published.append, partials=lambda: {UUID(run_id): "half an ans"})
    writer.start()
    writer.call(command(run_abort, world.ana, session_key=world.key, run_id=UUID(run_id)))
    writer.stop()
    assert world.texts() == ["hello", "half an ans"]
    assert {str(i) for i in published[0].stop_runs} == {run_id}


def test_the_thread_gives_its_connection_back(world, writer):
    writer.start()
    writer.call(send(world))
    writer.stop()
    with connection.cursor() as cursor:  # a lock left behind would be met here
        cursor.execute("UPDATE sessions_app_conversation SET title = title")
    assert Conversation.objects.filter(key=world.key).exists()
