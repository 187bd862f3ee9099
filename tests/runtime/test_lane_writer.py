"""Several writing threads on PostgreSQL: rows are fought over for real, and nobody notices but by a moment's wait."""

from __future__ import annotations

import asyncio
import threading
from uuid import UUID

import pytest

from sessions_app.errors import DrainingError, RequestConflictError
from sessions_app.models import Conversation, Entry, Receipt, Run
from sessions_app.runtime.lane_writer import LaneWriter
from sessions_app.services.conversations import conversation_create
from sessions_app.services.perform import verb
from sessions_app.services.turns import turn_submit
from sessions_app.values import NO_EFFECTS, Answer, Call, Json
from tests.runtime import verbs
from tests.support.world import command

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.skipif("os.environ.get('TEST_ENGINE') != 'postgres'", reason="SQLite has one writing thread"),
]


@verb(keeps_receipt=False)
def titles_crossed(call: Call, *, session_key: str, then: str, met: threading.Barrier, attempts: list[str]) -> Answer:
    """Lock one row, wait until somebody else has the other, then want that one too."""
    attempts.append(session_key)
    Conversation.objects.filter(key=session_key).update(title=f"{session_key} first")
    if attempts.count(session_key) == 1:
        met.wait(20)
    Conversation.objects.filter(key=then).update(title=f"{session_key} was here")
    return {"key": session_key}, NO_EFFECTS


@pytest.fixture
def lanes(world, published):
    made = LaneWriter(published.append, lanes=4)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def keys(world, lanes):
    """Two conversations that two different threads write."""
    first = world.key
    for n in range(40):
        key = world.do(conversation_create, title=f"other {n}")["sessionKey"]
        if lanes._lane(command(turn_submit, world.ana, session_key=key)) is not lanes._lane(
            command(turn_submit, world.ana, session_key=first)
        ):
            return first, key
    raise AssertionError("unreachable")


def send_all(writer, commands):
    async def main():
        futures = [writer.send(c) for c in commands]
        return await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 60)

    return asyncio.run(main())


def test_a_deadlock_is_tried_again_and_both_are_carried_out(world, lanes, keys, caplog):
    met = threading.Barrier(2)
    attempts: list[str] = []
    crossed = [
        command(titles_crossed, world.ana, session_key=a, then=b, met=met, attempts=attempts)
        for a, b in (keys, reversed(keys))
    ]
    ends = send_all(lanes, crossed)
    assert [end["key"] for end in ends] == list(keys)
    assert len(attempts) == 3  # the engine let one of them win, the other came again
    assert attempts[-1] in keys


def test_a_conversation_keeps_its_order_while_others_are_written(world, lanes, keys):
    current = {key: Conversation.objects.get(key=key).current_session_id for key in keys}
    wanted = [
        command(turn_submit, world.ana, session_key=key, session_id=current[key], message=f"{n}")
        for n in range(30)
        for key in keys
    ]
    ends = send_all(lanes, wanted)
    assert [end["entrySeq"] for end in ends] == [n for n in range(1, 31) for _ in keys]
    for key in keys:
        texts = Entry.objects.filter(session=current[key]).order_by("seq").values_list("text", flat=True)
        assert list(texts) == [str(n) for n in range(30)]
    assert lanes.stats.largest_batch == 1


def two_processes_at_once(world, make):
    """The same request in two writers of their own, as two processes would carry it out."""
    for _ in range(8):
        same = make()
        writers = [LaneWriter(lambda effects: None, lanes=1) for _ in range(2)]
        answers: list[Json] = []
        start = threading.Barrier(2)

        def call(writer, same=same, answers=answers, start=start):
            start.wait(20)
            answers.append(writer.call(same))

        threads = [threading.Thread(target=call, args=(writer,)) for writer in writers]
        for writer in writers:
            writer.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        for writer in writers:
            writer.stop()
        yield same, answers


def test_two_equal_sends_at_once_give_one_row(world):
    def make():
        return command(turn_submit, world.ana, session_key=world.key, session_id=world.current, message="once")

    for same, answers in two_processes_at_once(world, make):
        assert sorted(answer["duplicate"] for answer in answers) == [False, True]
        assert len({(answer["runId"], answer["entrySeq"]) for answer in answers}) == 1
        assert Run.objects.filter(request_id=same.call.request_id).count() == 1
    assert len(world.texts()) == 8


def test_two_equal_requests_at_once_give_one_receipt_and_one_change(world):
    numbers = iter(range(100))

    def make():
        return command(verbs.title_write, world.ana, session_key=world.key, title=f"title {next(numbers)}")

    for number, (same, answers) in enumerate(two_processes_at_once(world, make)):
        before = f"title {number - 1}" if number else "Release planning"
        assert answers == [{"before": before}] * 2
        assert Receipt.objects.filter(request_id=same.call.request_id).count() == 1


def test_the_same_id_for_something_else_at_once_is_a_conflict(world, lanes):
    there = {"session_key": world.key, "session_id": world.current}
    pair = [command(turn_submit, world.ana, "same", **there, message=words) for words in ("one", "two")]
    ends = send_all(lanes, pair)
    assert ends[0]["entrySeq"] == 1
    assert isinstance(ends[1], RequestConflictError)


def test_stopping_carries_out_what_every_lane_has(world, published):
    writer = LaneWriter(published.append, lanes=4)
    places = [world.do(conversation_create, title=f"c{n}") for n in range(12)]
    wanted = [
        command(turn_submit, world.ana, session_key=p["sessionKey"], session_id=UUID(p["sessionId"]), message="hello")
        for p in places
    ]

    async def main():
        futures = [writer.send(c) for c in wanted]
        writer.start()
        await asyncio.to_thread(writer.stop)
        return await asyncio.gather(*futures)

    assert [end["entrySeq"] for end in asyncio.run(main())] == [1] * 12
    assert writer.stats.commands == 12
    with pytest.raises(DrainingError):
        writer.call(wanted[0])
