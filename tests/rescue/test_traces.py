"""Traces of runs: their tools beside a session, and turns that nothing else has any more."""

from __future__ import annotations

import json
import uuid

import pytest

from sessions_app.errors import InvalidParamsError, ReasonRequiredError
from sessions_app.models import AdoptedStrand, Session
from sessions_app.rescue.listed import report_whole
from sessions_app.rescue.scan import store_read
from sessions_app.runtime.adoption import Wish, adopt
from sessions_app.selectors.traces import session_traces
from tests.rescue.making import KEY, Made, codes, header, message, session_id, sums_hold, talk
from tests.support.rows import transcript

pytestmark = pytest.mark.django_db
A, B = session_id(1), session_id(2)
CALL = {"type": "toolCall", "id": "c1", "name": "read", "arguments": {"path": "ä.md"}}


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path / "store")


def run(
    number: int, question: str, answer: str, *, before=(), session=A, trigger="user", has_messages=True
) -> list[bytes]:
    """The seven lines of one run that called a tool."""
    at = f"2026-11-20T17:{number:02}:00.000Z"
    about = {
        "traceSchema": "openclaw-trajectory",
        "schemaVersion": 1,
        "ts": at,
        "sessionId": session,
        "sessionKey": KEY,
    }
    about |= {"runId": f"r{number}", "provider": "stub", "modelId": "stub-1"}
    said = [
        {
            "role": "user",
            "content": [{"type": "text", "text": f"[Fri 2026-11-20 17:00 UTC] {question}"}],
            "timestamp": 1795194300000,
        },
        {"role": "custom", "customType": "context", "content": "not said", "display": False},
        {"role": "assistant", "content": [CALL], "stopReason": "toolUse"},
        {
            "role": "toolResult",
            "toolCallId": "c1",
            "toolName": "read",
            "content": [{"type": "text", "text": "notes"}],
            "isError": False,
        },
        {"role": "assistant", "content": [{"type": "text", "text": answer}], "stopReason": "stop"},
    ]
    done = {"assistantTexts": [answer], "usage": {"input": 10, "output": 2, "total": 12}}
    steps = {
        "session.started": {"trigger": trigger},
        "prompt.submitted": {"prompt": f"[Fri 2026-11-20 17:00 UTC] {question}"},
        "model.completed": done | ({"messagesSnapshot": [*before, *said]} if has_messages else {}),
        "trace.artifacts": {"finalStatus": "success", "toolMetas": [{"toolName": "read", "meta": "from a file"}]},
        "session.ended": {"status": "success"},
    }
    return [
        json.dumps({**about, "type": kind, "seq": n, "data": data}).encode()
        for n, (kind, data) in enumerate(steps.items())
    ]


def adopted(world, root):
    with store_read(root) as store:
        report = report_whole(adopt(store, world.admin, Wish(world.admin.user_id)))
    sums_hold(report)
    assert report["failed"] == []
    return report


def shown(session) -> list[tuple[str, str]]:
    return [(str(entry.kind), entry.text) for entry in transcript(session)]


def test_a_trace_tells_which_tools_a_run_called_and_what_they_gave(world, made):
    made.live(KEY, A, ["one", "two"])
    made.file(f"{A}.trajectory.jsonl", [*run(1, "one", "two"), b"torn", *run(2, "one", "two", has_messages=False)])
    adopted(world, made.root)
    first, second = session_traces(world.admin, session_id=uuid.UUID(A))["runs"]
    assert (first["runId"], first["status"], first["model"], first["usage"]["total"]) == ("r1", "success", "stub-1", 12)
    assert (first["prompt"][-3:], first["answer"], first["lines"]) == ("one", "two", 5)
    (tool,) = first["tools"]
    assert tool == {"name": "read", "arguments": '{\n  "path": "ä.md"\n}', "result": "notes", "isError": False}
    assert second["tools"] == [{"name": "read", "arguments": "from a file"}]


def test_runs_of_several_sessions_in_one_trace_lie_beside_their_own(world, made):
    """A reset keeps the name of the file."""
    made.live(KEY, B, ["three", "four"])
    made.file(f"{A}.jsonl.reset.2026-11-20T16-30-00.000Z", talk(A, ["one", "two"]))
    both = [*run(1, "one", "two"), *run(2, "three", "four", session=B), *run(3, "one", "two")]
    made.file(f"{A}.trajectory.jsonl", both)
    for _ in range(2):
        adopted(world, made.root)
        runs = {session: session_traces(world.admin, session_id=uuid.UUID(session))["runs"] for session in (A, B)}
        assert [run["runId"] for run in runs[A]] == ["r1", "r3"]
        assert [run["runId"] for run in runs[B]] == ["r2"]
    assert set(Session.objects.filter(adopted_strands__isnull=False).values_list("conversation__key", flat=True)) == {
        KEY
    }


def test_runs_are_paged_across_files_and_each_is_shown_once(world, made):
    made.live(KEY, A, ["one", "two"])
    made.file(f"{A}.trajectory.jsonl", [line for n in range(7) for line in run(n, "one", "two")])
    adopted(world, made.root)
    made.file(f"{A}.trajectory.jsonl", [line for n in range(11) for line in run(n, "one", "two")])
    adopted(world, made.root)
    assert AdoptedStrand.objects.filter(is_trace=True).count() == 2
    seen, cursor = [], ""
    while cursor is not None:
        page = session_traces(world.admin, session_id=uuid.UUID(A), cursor=cursor, limit=3)
        seen += [run["runId"] for run in page["runs"]]
        cursor = page["nextCursor"]
    assert seen == [f"r{n}" for n in range(11)]
    for wrong in ("x", "1", "1.x", "-1.2", "9" * 50 + ".1"):
        with pytest.raises(InvalidParamsError):
            session_traces(world.admin, session_id=uuid.UUID(A), cursor=wrong)


def test_a_trace_of_somebody_else_asks_for_a_reason(world, made):
    made.live(KEY, A, ["one", "two"])
    made.file(f"{A}.trajectory.jsonl", run(1, "one", "two"))
    adopted(world, made.root)
    with pytest.raises(ReasonRequiredError):
        session_traces(world.operator, session_id=uuid.UUID(A))


def test_a_session_that_only_traces_have_comes_back_with_its_tools(world, made):
    earlier = [
        {"role": "user", "content": "long ago", "timestamp": 1795190000000},
        {"role": "assistant", "content": "yes"},
    ]
    both = [
        *run(1, "first", "one", before=earlier),
        *run(2, "second", "two", before=[*earlier, *earlier]),
        *run(3, "tick", "tock", trigger="cron"),
    ]
    made.file(f"{A}.trajectory.jsonl", both)
    report = adopted(world, made.root)
    assert codes(report)["turn-only-in-trajectory"] == 1
    session = Session.objects.get(pk=A)
    words = [text for kind, text in shown(A) if kind == "message"]
    assert words == ["long ago", "yes", "first", "one", "second", "two", "tick", "tock"]
    assert [kind for kind, _ in shown(A)].count("tool_call") == 3
    assert all(entry.data["recovered"] == "trajectory" for entry in transcript(A))
    assert session.ended_at is not None
    assert (
        len(session_traces(world.admin, session_id=uuid.UUID(A))["runs"]) == 3
    )  # the trace lies beside what came of it
    assert adopted(world, made.root)["made"] == {"sessions": 0, "checkpoints": 0, "lines": 0}


def test_a_transcript_that_was_adopted_and_then_deleted_is_not_recovered_again(world, made):
    path = made.live(KEY, A, ["one", "two"])
    made.file(f"{A}.trajectory.jsonl", run(1, "one", "two"))
    adopted(world, made.root)
    path.unlink()
    assert adopted(world, made.root)["made"] == {"sessions": 0, "checkpoints": 0, "lines": 0}
    assert Session.objects.filter(adopted_strands__foreign_id=A).distinct().count() == 1


def test_only_the_lost_turn_of_a_session_comes_back(world, made):
    made.row(KEY, A)
    made.file(f"{A}.jsonl", [header(A), message("m0", None, "user", "one"), message("m1", "m0", "assistant", "two")])
    made.file(
        f"{A}.trajectory.jsonl",
        [*run(1, "one", "two"), *run(2, "lost", "found"), *run(3, "tick", "tock", trigger="cron")],
    )
    adopted(world, made.root)
    (recovered,) = Session.objects.filter(adopted_strands__kind="recovered")
    assert [kind for kind, _ in shown(recovered.pk)] == ["message", "tool_call", "tool_result", "message"]
    assert [text for kind, text in shown(recovered.pk) if kind == "message"] == ["lost", "found"]
