"""Adopting: everything arrives once, readable, verifiable and restorable, however often and however interrupted."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import pytest

from sessions_app.errors import ForbiddenError, NotFoundError, StorageUnavailableError
from sessions_app.models import (
    AdoptedBlock,
    AdoptedSource,
    AdoptedStrand,
    AuditEvent,
    Checkpoint,
    Conversation,
    Entry,
    Session,
)
from sessions_app.rescue.listed import report_whole
from sessions_app.rescue.scan import store_read
from sessions_app.runtime import writers
from sessions_app.runtime.adoption import Wish, adopt, key_here
from sessions_app.selectors.adoption import original_lines, session_origin
from sessions_app.selectors.archives import archive_list
from sessions_app.selectors.audit import audit_verify
from sessions_app.selectors.transcript import history
from sessions_app.services.adopt_lines import lines_adopt, lines_prepared
from sessions_app.services.conversations import conversation_patch
from sessions_app.services.restore import archive_restore
from sessions_app.services.turns import turn_submit
from sessions_app.values import Call, Command, EntryKind, Role, Trigger
from sessions_app.values.adoption import AdoptedEntry, AdoptedLine
from tests.rescue.making import KEY, REAL, STORES, Made, header, message, session_id, sums_hold, talk
from tests.support.rows import chain_digest, counts, transcript

pytestmark = pytest.mark.django_db
A, B, C = (session_id(n) for n in (1, 2, 3))
WORDS = ["one", "two", "three", "four"]


def adopted(world, root, **wish):
    """Adopt as the admin; the report."""
    wish.setdefault("owner_id", world.admin.user_id)
    with store_read(root) as store:
        report = report_whole(adopt(store, world.admin, Wish(**wish)))
    sums_hold(report)
    assert report["failed"] == []
    return report


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path / "store")


def texts(session) -> list[str]:
    return [entry.text for entry in transcript(session) if entry.kind == "message"]


def archives(key):
    rows = Session.objects.filter(conversation__key=key, ended_at__isnull=False).order_by("ended_at")
    return [(str(row.pk), row.end_reason, row.end_trigger) for row in rows]


@pytest.mark.parametrize("name", REAL)
def test_a_real_store_arrives_whole(world, name):
    report = adopted(world, STORES / name)
    assert report["made"]["sessions"] == sum(len(group["sessions"]) for group in report["keys"])
    for group in report["keys"]:
        conversation = Conversation.objects.get(key=group["sessionKey"])
        assert conversation.session_count == Session.objects.filter(conversation=conversation).count()
        for row in group["sessions"]:
            is_current = str(conversation.current_session_id) == row["sessionId"]
            assert is_current == row["isCurrent"], row
            session = Session.objects.get(pk=row["sessionId"])
            assert session.digest == chain_digest(session.pk)
            assert is_current or (session.archived_seq, session.archived_digest) == (session.last_seq, session.digest)
            page = history(world.admin, session_key=conversation.key, session_id=session.pk, limit=200)
            assert len(page["entries"]) == session.last_seq
    assert audit_verify(world.admin)["ok"]
    triggers = set(AuditEvent.objects.filter(type="session.adopted").values_list("trigger", flat=True))
    assert triggers == {"import"}
    assert Checkpoint.objects.count() == len(report["checkpoints"])


@pytest.mark.parametrize("name", REAL)
def test_adopting_again_adds_nothing(world, name):
    adopted(world, STORES / name)
    before = counts()
    report = adopted(world, STORES / name)
    assert counts() == before
    assert report["made"] == {"sessions": 0, "checkpoints": 0, "lines": 0}
    assert report["totals"]["adopted"] == 0
    assert report["totals"]["duplicate"] == report["totals"]["lines"]


def test_adopting_a_later_state_of_a_store_adds_only_the_new(world):
    adopted(world, STORES / REAL[0])
    before = set(Entry.objects.values_list("pk", flat=True))
    adopted(world, STORES / REAL[1])
    grown = Session.objects.get(pk="4dc9eb87-6221-433e-98af-487d5b0009bc")
    assert "Second message after the upgrade." in texts(grown.pk)[-2]
    new = Entry.objects.exclude(pk__in=before)
    assert new.filter(text__contains="stub reply 210").count() == 0
    assert new.filter(text__contains="after the upgrade").exists()


def test_every_original_line_can_be_had_byte_for_byte(world):
    adopted(world, STORES / REAL[0])
    root = STORES / REAL[0] / "agents" / "main" / "sessions"
    for path in root.glob("*.jsonl*"):
        raw = path.read_bytes().splitlines()
        session = json.loads(raw[0]).get("id")
        if "checkpoint." in path.name or "bak" in path.name or "617ac837" in path.name:
            continue  # duplicates, or trees: asked for below
        name = session if json.loads(raw[0])["type"] == "session" else path.name[:36]
        assert list(original_lines(world.admin, session_id=uuid.UUID(name))) == raw, path.name


def test_a_current_session_becomes_current_under_a_key_nobody_wrote_in(world, made):
    made.live(KEY, A, WORDS)  # the admin's own conversation has this key, and is empty
    report = adopted(world, made.root)
    assert report["current"][KEY] == {"sessionId": A, "moved": True}
    assert str(Conversation.objects.get(key=KEY).current_session_id) == A
    assert texts(A) == WORDS
    moved = AuditEvent.objects.get(type="session.restored")
    assert (moved.trigger, str(moved.new_session_id)) == ("import", A)


def test_a_conversation_in_use_keeps_its_session_unless_asked(world, made):
    made.live(world.key, A, WORDS)
    world.talk()
    mine = world.current
    adopted(world, made.root)
    assert world.current == mine
    assert archives(world.key) == [(A, "reset", "import")]
    adopted(world, made.root, make_current=True)
    world.claim()
    assert str(world.current) == A


def test_a_later_adoption_does_not_move_a_conversation_that_went_on(world, made):
    made.live("agent:main:new", A, WORDS)
    adopted(world, made.root)
    made.file(f"{A}.jsonl", talk(A, [*WORDS, "five"], prefix=A[-4:]))
    conversation = Conversation.objects.get(key="agent:main:new")
    world.do(turn_submit, world.admin, session_key=conversation.key, session_id=uuid.UUID(A), message="here")
    report = adopted(world, made.root)
    assert report["made"] == {"sessions": 1, "checkpoints": 0, "lines": 1}
    conversation.refresh_from_db()
    assert str(conversation.current_session_id) == A
    assert texts(A) == [*WORDS, "here"]
    (branch,) = Session.objects.filter(parent_id=uuid.UUID(A))
    assert texts(branch.pk) == [*WORDS, "five"]
    assert adopted(world, made.root)["made"]["sessions"] == 0


def test_a_source_that_grew_goes_on_in_its_session(world, made):
    made.live("agent:main:new", A, WORDS)
    adopted(world, made.root)
    made.file(f"{A}.jsonl", talk(A, [*WORDS, "five"], prefix=A[-4:]))
    report = adopted(world, made.root)
    assert report["made"] == {"sessions": 0, "checkpoints": 0, "lines": 1}
    assert texts(A) == [*WORDS, "five"]
    assert Session.objects.get(pk=A).digest == chain_digest(A)


def test_a_taken_session_id_gets_another_and_says_so(world, made):
    made.live("agent:main:new", str(world.current), WORDS)
    report = adopted(world, made.root)
    (row,) = report["keys"][0]["sessions"]
    assert (row["foreignId"], row["idKept"]) == (str(world.current), False)
    assert texts(row["sessionId"]) == WORDS


def test_archives_come_in_order_with_reason_and_time(world, made):
    made.file(f"{A}.jsonl.reset.2026-11-20T16-30-00.000Z", talk(A, ["first"], prefix="a"))
    made.file(f"{B}.jsonl.deleted.2026-11-20T16-40-00.000Z", talk(B, ["second"], prefix="b"))
    made.live("agent:main:new", C, WORDS)
    made.rows["agent:main:new"]["usageFamilySessionIds"] = [A, B]
    (made.sessions / "sessions.json").write_text(json.dumps(made.rows))
    adopted(world, made.root)
    assert archives("agent:main:new") == [(A, "reset", "import"), (B, "deleted", "import")]
    assert [a["sessionId"] for a in archive_list(world.admin, session_key="agent:main:new")["archives"]] == [B, A]


def test_an_adopted_archive_can_be_restored_and_chatted_on(world, made):
    made.file(f"{A}.jsonl.reset.2026-11-20T16-30-00.000Z", talk(A, WORDS))
    made.row("agent:main:new", A)
    made.live("agent:main:new", B, ["other"])
    made.rows["agent:main:new"]["usageFamilySessionIds"] = [A]
    (made.sessions / "sessions.json").write_text(json.dumps(made.rows))
    adopted(world, made.root)
    place = {"session_key": "agent:main:new", "session_id": uuid.UUID(A)}
    world.do(archive_restore, world.admin, **place, expected_current_session_id=uuid.UUID(B))
    world.do(turn_submit, world.admin, **place, message="on we go")
    assert texts(A) == [*WORDS, "on we go"]
    assert Session.objects.get(pk=A).digest == chain_digest(A)


def test_the_envelope_is_stripped_and_the_line_kept(world, made):
    envelope = 'Sender (untrusted metadata):\n```json\n{\n  "id": "x"\n}\n```\n\n[Fri 2026-11-20 16:57 UTC] '
    lines = [header(A), message("m", None, "user", envelope + "Hello\n[not a date] there")]
    made.row("agent:main:new", A)
    made.file(f"{A}.jsonl", lines)
    adopted(world, made.root)
    assert texts(A) == ["Hello\n[not a date] there"]
    assert list(original_lines(world.admin, session_id=uuid.UUID(A))) == lines


def test_text_no_engine_can_store_arrives_with_its_original(world, made):
    lines = [header(A), message("m", None, "user", "nul \x00 half \ud800 end")]
    made.row("agent:main:new", A)
    made.file(f"{A}.jsonl", lines)
    adopted(world, made.root)
    assert texts(A) == ["nul \ufffd half \ufffd end"]
    assert list(original_lines(world.admin, session_id=uuid.UUID(A))) == lines


def test_schedules_are_never_current_and_rows_without_transcript_bring_nothing(world, made):
    made.live("agent:main:cron:5f", A, WORDS)
    made.row("agent:main:ghost", B)
    adopted(world, made.root)
    conversation = Conversation.objects.get(key="agent:main:cron:5f")
    assert (conversation.kind, str(conversation.current_session_id) == A) == ("cron", False)
    assert not Conversation.objects.filter(key="agent:main:ghost").exists()


def test_where_a_session_came_from_is_listed(world, made):
    lines = talk(A, WORDS)
    made.row("agent:main:new", A)
    made.file(f"{A}.jsonl", lines)
    made.file(f"{A}.jsonl.bak-77-1795194337435", lines[:-1])
    adopted(world, made.root)
    (strand,) = session_origin(world.admin, session_id=uuid.UUID(A))["strands"]
    assert [(p["kind"], p["fate"], p["lines"]) for p in strand["places"]] == [
        ("transcript", "adopted", 4),
        ("backup", "duplicate", 3),
    ]


def test_traces_are_kept_beside_their_session(world):
    adopted(world, STORES / REAL[1])
    name = "4dc9eb87-6221-433e-98af-487d5b0009bc"
    raw = (STORES / REAL[1] / "agents/main/sessions" / f"{name}.trajectory.jsonl").read_bytes().splitlines()
    by_session = defaultdict(list)
    for line in raw:
        by_session[uuid.UUID(json.loads(line)["sessionId"])].append(line)
    assert len(by_session) == 2  # a reset keeps the name of the file
    for session, lines in by_session.items():
        own = list(original_lines(world.admin, session_id=session))
        assert list(original_lines(world.admin, session_id=session, with_traces=True)) == own + lines


class Stopping(writers.InlineWriter):
    """A writer that gives up after some commands."""

    def __init__(self, commands: int) -> None:
        super().__init__()
        self.left = commands

    def call(self, command):
        self.left -= 1
        if self.left < 0:
            raise StorageUnavailableError
        return super().call(command)


@pytest.mark.parametrize("after", [1, 2, 3, 5, 8, 13, 21, 34, 40])
def test_an_interrupted_adoption_goes_on(world, monkeypatch, after):
    monkeypatch.setattr("sessions_app.runtime.adoption.strands.BATCH_MAX_LINES", 4)
    with writers.installed(Stopping(after)), suppress(StorageUnavailableError):
        adopted(world, STORES / REAL[0])
    report = adopted(world, STORES / REAL[0])
    assert sum(row["sessions"] != [] for row in report["keys"]) == 9
    held = {}
    for strand in AdoptedStrand.objects.filter(is_trace=False):
        assert strand.session_id not in held
        held[strand.session_id] = strand
        assert strand.lines == sum(block.lines for block in AdoptedBlock.objects.filter(strand=strand))
    assert len(held) == 15
    assert sum(strand.lines for strand in held.values()) == 126
    for conversation in Conversation.objects.all():
        assert conversation.session_count == Session.objects.filter(conversation=conversation).count()
    assert all(s.digest == chain_digest(s.pk) for s in Session.objects.filter(adopted_strands__is_trace=False))
    main = Conversation.objects.get(key=KEY)
    assert str(main.current_session_id) == "4dc9eb87-6221-433e-98af-487d5b0009bc"
    assert adopted(world, STORES / REAL[0])["made"] == {"sessions": 0, "checkpoints": 0, "lines": 0}


def test_a_locked_conversation_is_not_moved_and_is_once_it_is_unlocked(world, made):
    made.live(world.key, A, WORDS)
    world.talk("mine", "yours")
    here = world.current
    world.do(conversation_patch, session_key=world.key, locked=True)
    report = adopted(world, made.root, make_current=True)
    assert report["current"][world.key]["moved"] is False
    assert "locked" in report["current"][world.key]["why"]
    assert world.current == here
    world.do(conversation_patch, session_key=world.key, locked=False)
    assert adopted(world, made.root, make_current=True)["current"][world.key]["moved"] is True
    assert str(world.current) == A


def test_nobody_but_an_administrator_may_adopt(world, made):
    made.live("agent:main:new", A, WORDS)
    with store_read(made.root) as store, pytest.raises(ForbiddenError):
        adopt(store, world.ana, Wish(world.ana.user_id))
    assert not Conversation.objects.filter(key="agent:main:new").exists()


def test_one_key_of_many_may_be_chosen(world, made):
    made.live("agent:main:new", A, WORDS)
    made.live("agent:main:other", B, WORDS)
    report = adopted(world, made.root, key="agent:main:other")
    assert report["made"]["sessions"] == 1
    assert report["totals"]["refused"] == 5


@pytest.mark.parametrize(
    ("foreign", "here"),
    [
        ("agent:main:main", "agent:main:main"),
        ("global", "agent:main:global"),
        ("agent:Main:Project", "agent:main:project"),
        ("agent:main:whatsapp:group:123@g.us", "agent:main:whatsapp:group:123@g.us"),
    ],
)
def test_a_key_stays_what_it_was_where_its_form_allows(foreign, here):
    assert key_here(foreign, "main") == here


@pytest.mark.parametrize("foreign", ["", "agent:main:", "agent:main:ü/..", "x" * 400, "agent:main:+49 170"])
def test_any_key_becomes_one_that_holdfast_takes(foreign):
    from sessions_app.values import KEY_MAX_CHARS, SESSION_KEY

    here = key_here(foreign, "main")
    assert SESSION_KEY.fullmatch(here)
    assert len(here) <= KEY_MAX_CHARS


def test_a_file_that_changes_meanwhile_does_not_stop_the_rest(world, made):
    made.live("agent:main:new", A, WORDS)
    path = made.live("agent:main:other", B, WORDS)
    with store_read(made.root) as store:
        path.write_bytes(path.read_bytes().replace(b"three", b"THREE"))
        report = report_whole(adopt(store, world.admin, Wish(world.admin.user_id)))
    assert [Path(row["path"]).name for row in report["failed"]] == [path.name]
    sums_hold(report)
    assert texts(A) == WORDS
    assert adopted(world, made.root)["made"]["lines"] > 0
    assert Entry.objects.filter(text="THREE").count() == 1


def test_a_store_moved_elsewhere_is_still_the_same(world, tmp_path):
    adopted(world, STORES / REAL[2])
    shutil.copytree(STORES / REAL[2], tmp_path / "moved")
    before = Entry.objects.count()
    adopted(world, tmp_path / "moved")
    assert Entry.objects.count() == before


def test_rows_that_were_made_before_somebody_wrote_are_made_again(world, made):
    made.live(world.key, A, WORDS)
    adopted(world, made.root, make_current=True)
    strand = AdoptedStrand.objects.get(session_id=A)
    line = AdoptedLine(b"{}", b"d" * 16, 900, AdoptedEntry(EntryKind.MESSAGE, Role.USER, "five", {}, strand.created_at))
    tip = world.do(lines_adopt, world.admin, strand_id=strand.pk, first=5, lines=[])
    ready = lines_prepared(tip, [line])
    world.do(turn_submit, world.admin, session_key=world.key, session_id=uuid.UUID(A), message="meanwhile")
    answer = world.do(lines_adopt, world.admin, strand_id=strand.pk, first=5, lines=[line], ready=ready)
    session = Session.objects.get(pk=A)
    assert texts(A) == [*WORDS, "meanwhile", "five"]
    assert answer["digest"] == session.digest == chain_digest(session.pk)
    assert answer["lastSeq"] == session.last_seq
    again = world.do(lines_adopt, world.admin, strand_id=strand.pk, first=5, lines=[line], ready=ready)
    assert again == answer


def test_a_header_of_its_own_is_kept_although_its_lines_lie_elsewhere(world, made):
    made.live(KEY, A, WORDS)
    fork = header(B, at="2026-11-20T17:00:00.000Z", parentSession=f"/home/user/{A}.jsonl")
    made.file(f"{B}.jsonl", [fork, *talk(A, WORDS[:2], prefix=A[-4:])[1:]])
    made.file(f"{C}.jsonl.reset.2026-11-20T18-00-00.000Z", [header(C)])
    report = adopted(world, made.root)
    assert (report["totals"]["adopted"], report["totals"]["duplicate"]) == (7, 2)
    (strand,) = session_origin(world.admin, session_id=uuid.UUID(A))["strands"]
    kept = [place["header"].encode() for place in strand["places"] if "header" in place]
    assert kept == [fork]
    before = counts()
    assert adopted(world, made.root)["totals"]["adopted"] == 0
    assert counts() == before
    assert AdoptedSource.objects.filter(accounts__header=header(C).decode()).count() == 1


def test_a_session_put_aside_there_after_it_was_adopted_ends_when_and_why_it_did_there(world, made):
    key = "agent:main:grows"
    made.live(key, A, WORDS)
    adopted(world, made.root)
    (made.sessions / f"{A}.jsonl").rename(made.sessions / f"{A}.jsonl.reset.2026-11-20T17-00-00.000Z")
    made.file(f"{B}.jsonl.reset.2026-11-20T18-00-00.000Z", talk(B, ["five", "six"], prefix="b"))
    made.rows.clear()
    made.live(key, C, ["seven", "eight"])
    made.rows["agent:main:other"] = {"sessionId": B}
    made.row(key, C, usageFamilySessionIds=[A, B])
    adopted(world, made.root, keys=frozenset({key}))
    ended = [(reason, Session.objects.get(pk=pk).ended_at.hour) for pk, reason, _ in archives(key) if pk == A]
    assert ended == [("reset", 17)]
    before = counts()
    adopted(world, made.root, keys=frozenset({key}))
    assert counts() == before


def test_what_stays_current_here_is_told(world, made):
    key = "agent:main:used"
    made.live(key, A, WORDS)
    adopted(world, made.root)
    call = Call(world.admin, Trigger.RPC, "r1")
    params = {"session_key": key, "session_id": uuid.UUID(A), "message": "here now"}
    writers.current().call(Command(turn_submit, call, params))
    made.rows.clear()
    made.live(key, B, ["five", "six"])
    report = adopted(world, made.root)
    assert "make-current" in report["current"][key]["why"]
    assert str(Conversation.objects.get(key=key).current_session_id) == A


def test_a_branch_that_was_opened_and_never_filled_is_filled_by_the_next_adoption(world, made, monkeypatch):
    made.row(KEY, A)
    lines = talk(A, WORDS)
    made.file(f"{A}.jsonl", [*lines[:3], message("x", "m1", "user", "another way", 8), *lines[3:]])
    whole = [0]

    class Failing(writers.InlineWriter):
        def call(self, command):
            if command.verb is lines_adopt and whole[0]:
                raise StorageUnavailableError
            whole[0] += command.verb is lines_adopt
            return super().call(command)

    failing = Failing()
    with monkeypatch.context() as patch:
        patch.setattr(writers, "current", lambda: failing)
        with pytest.raises(StorageUnavailableError):
            adopted(world, made.root)
    adopted(world, made.root)
    assert AdoptedStrand.objects.filter(kind="branch").count() == 1
    assert texts(AdoptedStrand.objects.get(kind="branch").session_id)[-1] == "another way"


def test_another_store_displaces_nothing_that_has_messages(world, made, tmp_path):
    key = "agent:main:both"
    made.live(key, A, WORDS)
    adopted(world, made.root)
    other = Made(tmp_path / "other")
    other.live(key, B, ["five", "six"])
    report = adopted(world, other.root)
    assert (report["current"][key]["moved"], "make-current" in report["current"][key]["why"]) == (False, True)
    assert str(Conversation.objects.get(key=key).current_session_id) == A
    assert adopted(world, other.root, make_current=True)["current"][key]["moved"]


def test_adopting_again_keeps_what_was_the_source(world, made):
    made.live(KEY, A, WORDS)
    adopted(world, made.root)
    adopted(world, made.root)
    (strand,) = session_origin(world.admin, session_id=uuid.UUID(A))["strands"]
    assert [place["fate"] for place in strand["places"]] == ["adopted"]


def test_some_keys_alone_raise_no_finding_about_others(world, made):
    own = "0c271ad2-9d97-477f-b5f1-1701bf6e3029"
    record = {"checkpointId": own, "sessionId": A, "preCompaction": {"sessionFile": f"/x/{A}.checkpoint.{own}.jsonl"}}
    made.live(KEY, A, WORDS)
    made.row(KEY, A, compactionCheckpoints=[record])
    made.file(f"{A}.checkpoint.{own}.jsonl", talk(A, WORDS[:2], prefix=A[-4:]))
    made.live("agent:main:other", B, ["five", "six"])
    report = adopted(world, made.root, keys=frozenset({"agent:main:other"}))
    assert "checkpoint-snapshot-missing" not in {row["code"] for row in report["findings"]}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"agent": "mian"}, "no agent mian in this directory. There is: main."),
        ({"key": "agent:main:mew"}, "no session key agent:main:mew in this directory. There is: agent:main:new"),
    ],
)
def test_what_is_not_there_cannot_be_chosen(world, made, wish, words):
    made.live("agent:main:new", A, WORDS)
    with pytest.raises(NotFoundError, match=re.escape(words)):
        adopted(world, made.root, **wish)
    assert not Conversation.objects.filter(key="agent:main:new").exists()


def test_under_a_new_key_goes_only_what_has_none(world, made):
    made.live("agent:main:new", A, WORDS)
    made.file(f"{B}.jsonl", talk(B, ["alone"], prefix="b"))
    report = adopted(world, made.root, key="agent:main:found")
    assert report["made"]["sessions"] == 1
    assert archives("agent:main:found") == [(B, "reset", "import")]
    assert not Conversation.objects.filter(key="agent:main:new").exists()


def test_a_reset_inside_a_transcript_that_was_adopted_before_it_ends_its_session_when_it_happened(world, made):
    key = "agent:main:reset-inside"
    made.live(key, A, WORDS)
    adopted(world, made.root)
    last = talk(A, WORDS, prefix=A[-4:])
    reset = {
        "type": "reset",
        "id": "r",
        "parentId": f"{A[-4:]}3",
        "timestamp": "2026-11-20T17:00:00.000Z",
        "reason": "new",
    }
    made.file(f"{A}.jsonl", [*last, json.dumps(reset).encode(), message("n", "r", "user", "after", 59)])
    for _ in range(2):
        adopted(world, made.root)
        assert archives(key) == [(A, "reset", "import")]
        assert Session.objects.get(pk=A).ended_at.isoformat() == "2026-11-20T17:00:00+00:00"
        current = Conversation.objects.get(key=key).current_session
        assert current.started_at.isoformat() == "2026-11-20T17:00:00+00:00"
        assert Session.objects.get(pk=A).started_at.isoformat() == "2026-11-20T16:00:00+00:00"
        assert texts(current.pk) == ["after"]


def test_a_session_of_which_several_files_are_left_is_listed_once(world, made):
    key = "agent:main:twice"
    path = made.live(key, A, WORDS)
    adopted(world, made.root)
    shutil.copy(path, path.with_name(f"{A}.jsonl.bak.2026-11-20T16-30-00.000Z"))
    (group,) = adopted(world, made.root)["keys"]
    assert [(row["sessionId"], row["isCurrent"]) for row in group["sessions"]] == [(A, True)]


@pytest.mark.parametrize("is_known", [True, False])
def test_slices_of_one_session_are_of_the_key_whose_file_is_the_last(world, made, is_known):
    """The records name two keys for one session."""
    made.row("agent:main:dash", B)
    if is_known:
        point = {"checkpointId": C, "sessionId": A, "createdAt": 5}
        made.row("agent:main:other", session_id(9), compactionCheckpoints=[point])
    made.file(f"{C}.jsonl.bak-26629-1795194337435", [header(A), message("a", None, "user", "first", 1)])
    made.file(f"{B}.jsonl", [header(A), message("b", None, "user", "second", 2)])
    assert adopted(world, made.root)["made"] == {"sessions": 1, "checkpoints": 0, "lines": 2}
    current = Conversation.objects.get(key="agent:main:dash").current_session
    assert (str(current.pk), texts(current.pk)) == (A, ["first", "second"])
    assert adopted(world, made.root)["made"]["lines"] == 0


def test_one_session_that_two_agents_have_is_current_with_both_at_once(world, tmp_path):
    for agent in ("main", "two"):
        sessions = tmp_path / "store" / "agents" / agent / "sessions"
        sessions.mkdir(parents=True)
        (sessions / f"{A}.jsonl").write_bytes(b"\n".join(talk(A, WORDS)) + b"\n")
        (sessions / "sessions.json").write_text(json.dumps({f"agent:{agent}:shared": {"sessionId": A}}))
    assert adopted(world, tmp_path / "store")["made"] == {"sessions": 2, "checkpoints": 0, "lines": 4}
    for agent in ("main", "two"):
        page = history(world.admin, session_key=f"agent:{agent}:shared", limit=50)
        assert [entry["text"] for entry in page["entries"] if entry["kind"] == "message"] == WORDS
    assert adopted(world, tmp_path / "store")["made"]["sessions"] == 0


def test_a_file_that_lies_inside_another_adds_nothing_the_second_time_either(world, made):
    lines = talk(A, WORDS)
    made.file(f"{A}.jsonl", lines)
    made.file(f"{B}.jsonl", lines[3:4])
    assert adopted(world, made.root)["made"]["lines"] == 4
    assert adopted(world, made.root)["made"] == {"sessions": 0, "checkpoints": 0, "lines": 0}


def test_a_session_whose_index_comes_back_stays_where_it_was_adopted_and_the_report_says_where(world, made):
    made.file(f"{A}.jsonl", talk(A, WORDS))
    adopted(world, made.root)
    made.row("agent:main:found", A)
    for make_current in (False, True):
        told = adopted(world, made.root, make_current=make_current)["current"]["agent:main:found"]
        assert (told["moved"], told["sessionKey"]) == (False, "agent:main:unfiled")
        assert "of agent:main:found, but was adopted under agent:main:unfiled" in told["why"]
    assert Conversation.objects.get(key="agent:main:unfiled").current_session_id != uuid.UUID(A)


def test_a_trace_of_a_session_whose_file_lost_its_header_lies_beside_it(world, made):
    made.row("agent:main:headless", B, base=A)
    made.file(f"{A}.jsonl", talk(A, WORDS, with_header=False))
    event = {"traceSchema": "openclaw-trajectory", "type": "session.started", "sessionId": B, "runId": "r", "data": {}}
    trace = [json.dumps(event | {"seq": 1, "ts": "2026-11-20T16:00:00Z"}).encode()]
    made.file(f"{A}.trajectory.jsonl", trace)
    adopted(world, made.root)
    session = Conversation.objects.get(key="agent:main:headless").current_session_id
    assert list(original_lines(world.admin, session_id=session, with_traces=True))[-1:] == trace


def test_line_ends_of_another_system_and_a_mark_before_the_first_line_are_exported_as_they_were(world, made):
    lines = [line + b"\r" for line in talk(A, WORDS)]
    lines[0] = b"\xef\xbb\xbf" + lines[0]
    made.file(f"{A}.jsonl", lines)
    adopted(world, made.root)
    assert list(original_lines(world.admin, session_id=uuid.UUID(A))) == lines
