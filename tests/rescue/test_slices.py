"""A session that the program's repair cut into backups, an exchange in each, is one session again."""

from __future__ import annotations

import uuid

import pytest

from sessions_app.errors import StorageUnavailableError
from sessions_app.models import Conversation, Session
from sessions_app.rescue.listed import report_whole
from sessions_app.rescue.scan import store_read
from sessions_app.runtime import writers
from sessions_app.runtime.adoption import Wish, adopt
from sessions_app.selectors.adoption import original_lines
from sessions_app.services.adopt_lines import lines_adopt
from sessions_app.services.turns import turn_submit
from sessions_app.values import Call, Command, Trigger
from tests.rescue.making import Made, codes, header, message, session_id, sums_hold
from tests.support.rows import counts, transcript

pytestmark = pytest.mark.django_db
A, B = session_id(1), session_id(2)
KEY = "agent:main:sliced"


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path / "store")


def exchange(number: int) -> list[bytes]:
    """What the program leaves of a turn: the session's own header, a question, an answer."""
    asked, answered = f"q{number}", f"a{number}"
    return [
        header(A),
        message(asked, None, "user", f"question {number}", 2 * number),
        message(answered, asked, "assistant", f"answer {number}", 2 * number + 1),
    ]


def sliced(made: Made, slices: int) -> None:
    """A store after some turns: a backup for each but the last."""
    made.row(KEY, A)
    for number in range(slices - 1):
        made.file(f"{A}.jsonl.bak-4711-{1795190400000 + 120_000 * (number + 1)}", exchange(number))
    made.file(f"{A}.jsonl", exchange(slices - 1))


def adopted(world, made: Made, **wish):
    with store_read(made.root) as store:
        report = report_whole(adopt(store, world.admin, Wish(world.admin.user_id, **wish)))
    sums_hold(report)
    assert report["failed"] == []
    return report


def whole(slices: int) -> list[bytes]:
    """The session as it was before it was cut."""
    lines = [header(A)]
    for number in range(slices):
        asked, answered = f"q{number}", f"a{number}"
        lines.append(message(asked, f"a{number - 1}" if number else None, "user", f"question {number}", 2 * number))
        lines.append(message(answered, asked, "assistant", f"answer {number}", 2 * number + 1))
    return lines


def test_a_copy_of_the_whole_does_not_make_an_archive_of_each_slice(world, made):
    """The program cut a session, a repair joined it, and the program cut it again at the next message."""
    sliced(made, 6)
    made.file(f"{A}.jsonl.bak-1-1795190999999", whole(6))
    made.file(f"{A}.jsonl", exchange(6))
    adopted(world, made)
    assert Session.objects.filter(adopted_strands__isnull=False).distinct().count() == 2
    assert said() == [f"{word} {number}" for number in range(7) for word in ("question", "answer")]


def said(session=A) -> list[str]:
    return [entry.text for entry in transcript(session) if entry.kind == "message"]


def here():
    return Session.objects.filter(conversation__key=KEY)


def turns(*numbers: int) -> list[str]:
    return [words for number in numbers for words in (f"question {number}", f"answer {number}")]


def test_the_slices_are_one_session_in_order_and_it_is_current(world, made):
    sliced(made, 4)
    report = adopted(world, made)
    assert codes(report)["history-sliced"] == 1
    (group,) = report["keys"]
    assert [(row["sessionId"], row["isCurrent"], row["slices"], row["lines"]) for row in group["sessions"]] == [
        (A, True, 4, 8)
    ]
    assert said() == turns(0, 1, 2, 3)
    conversation = Conversation.objects.get(key=KEY)
    assert (str(conversation.current_session_id), conversation.session_count) == (A, 1)
    lines = list(original_lines(world.admin, session_id=uuid.UUID(A)))
    assert lines == [header(A), *(line for number in range(4) for line in exchange(number)[1:])]


def test_adopting_again_adds_nothing(world, made):
    sliced(made, 3)
    adopted(world, made)
    before = counts()
    report = adopted(world, made)
    assert report["made"] == {"sessions": 0, "checkpoints": 0, "lines": 0}
    assert [(row["slices"], row["lines"]) for group in report["keys"] for row in group["sessions"]] == [(3, 6)]
    assert counts() == before


def test_what_is_said_later_goes_behind_it(world, made):
    sliced(made, 3)
    adopted(world, made)
    sliced(made, 5)
    assert adopted(world, made)["made"] == {"sessions": 0, "checkpoints": 0, "lines": 4}
    assert said() == turns(0, 1, 2, 3, 4)
    assert here().count() == 1


@pytest.mark.parametrize("batches", range(4))
def test_stopped_anywhere_it_goes_on(world, made, monkeypatch, batches):
    sliced(made, 4)
    left = [batches]

    class Failing(writers.InlineWriter):
        def call(self, command: Command):
            if command.verb is lines_adopt:
                if not left[0]:
                    raise StorageUnavailableError
                left[0] -= 1
            return super().call(command)

    failing = Failing()
    with monkeypatch.context() as patch:
        patch.setattr(writers, "current", lambda: failing)
        with pytest.raises(StorageUnavailableError):
            adopted(world, made)
    adopted(world, made)
    assert said() == turns(0, 1, 2, 3)
    assert str(Conversation.objects.get(key=KEY).current_session_id) == A


def test_after_somebody_chatted_on_here_the_rest_becomes_a_branch(world, made, perform_turn):
    sliced(made, 2)
    adopted(world, made)
    perform_turn("here now")
    sliced(made, 4)
    adopted(world, made)
    assert said() == [*turns(0, 1), "here now"]
    branch = here().exclude(pk=A).get()
    assert (str(branch.parent_id), said(branch.pk)) == (A, turns(0, 1, 2, 3))


@pytest.fixture
def perform_turn(world):
    """Somebody says something in the adopted session."""

    def perform(text: str) -> None:
        call = Call(world.admin, Trigger.RPC, "r1")
        params = {"session_key": KEY, "session_id": uuid.UUID(A), "message": text}
        writers.InlineWriter().call(Command(turn_submit, call, params))

    return perform


def test_copies_that_begin_alike_are_no_slices(world, made):
    made.row(KEY, A)
    made.file(f"{A}.jsonl.bak-4711-1795190500000", exchange(0))
    more = [message("q1", "a0", "user", "question 1", 2), message("a1", "q1", "assistant", "answer 1", 3)]
    made.file(f"{A}.jsonl", [*exchange(0), *more])
    report = adopted(world, made)
    assert "history-sliced" not in codes(report)
    assert said() == turns(0, 1)
    assert here().count() == 1


def test_sessions_of_one_file_name_are_not_mixed(world, made):
    sliced(made, 3)
    other = [header(B), message("x", None, "user", "another", 1), message("y", "x", "assistant", "session", 1)]
    made.file(f"{A}.jsonl.bak-4711-1795190430000", other)
    adopted(world, made)
    assert said() == turns(0, 1, 2)
    assert said(B) == ["another", "session"]


def test_a_fork_and_a_snapshot_of_a_slice_begin_inside_the_session(world, made):
    sliced(made, 3)
    own = "0c271ad2-9d97-477f-b5f1-1701bf6e3029"
    made.file(f"{A}.checkpoint.{own}.jsonl", exchange(1))
    made.row("agent:main:fork", B)
    parent = f"/home/user/.openclaw/agents/main/sessions/{A}.checkpoint.{own}.jsonl"
    fork = [header(B, parentSession=parent), *exchange(1)[1:], message("f", "a1", "user", "in the fork", 40)]
    made.file(f"{B}.jsonl", fork)
    report = adopted(world, made)
    assert report["made"] == {"sessions": 2, "checkpoints": 1, "lines": 7}
    assert said(B) == [*turns(0, 1), "in the fork"]  # its past lies in the session it came from
    assert str(Session.objects.get(pk=B).parent_id) == A
    assert adopted(world, made)["made"] == {"sessions": 0, "checkpoints": 0, "lines": 0}


def test_when_the_live_file_was_emptied_its_slices_are_what_the_key_shows(world, made):
    sliced(made, 3)
    (made.sessions / f"{A}.jsonl").write_bytes(b"")
    report = adopted(world, made)
    assert codes(report)["row-has-archive"] == 1
    assert said() == turns(0, 1)
    assert str(Conversation.objects.get(key=KEY).current_session_id) == A
