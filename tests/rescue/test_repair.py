"""Repair in place: what users do by hand, done by the program, and undone to the byte."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from pathlib import Path

import pytest
import zstandard

from sessions_app.errors import InvalidParamsError, NotFoundError
from sessions_app.rescue.repair import RepairWish, repair_apply, repair_plan, repair_undo
from tests.rescue.making import KEY, REAL, STORES, Made, copied, header, message, session_id, talk

A, B, C = (session_id(n) for n in (1, 2, 3))
OTHER = "agent:main:other"
WORDS = ["one", "two", "three", "four"]
OLD = f"{A}.jsonl.reset.2026-11-20T15-59-30.000Z"  # right before B began


def tree(root: Path) -> dict:
    """Every name below a directory with its times, permissions and content."""
    found = {}
    for path in sorted(root.rglob("*")):
        facts = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(root))] = (facts.st_mtime_ns, facts.st_mode, content)
    return found


def contents(root: Path) -> set[str]:
    return {content for _, _, content in tree(root).values()}


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path / "home" / ".openclaw")


@pytest.fixture(params=REAL[:2])
def real(request, tmp_path):
    root = tmp_path / "home" / ".openclaw"
    copied(request.param, root)
    return root


def wished(root, **wish):
    """A plan that went through JSON, as it does when a page keeps it."""
    return json.loads(json.dumps(repair_plan(root, RepairWish(**wish))))


def repaired(root, **wish):
    plan = wished(root, **wish)
    assert plan["ok"], plan["refusals"]
    report = repair_apply(plan)
    assert report["verified"], report["problems"]
    return report


def refused(root, **wish) -> list[str]:
    before = tree(root)
    plan = wished(root, **wish)
    assert not plan["ok"]
    with pytest.raises(InvalidParamsError):
        repair_apply(plan)
    assert tree(root) == before
    return [row["code"] for row in plan["refusals"]]


def index(made) -> dict:
    return json.loads((made.sessions / "sessions.json").read_bytes())


def rotated(made) -> None:
    """A key whose old session lies as an archive of a reset."""
    made.live(KEY, B, ["new"])
    made.file(OLD, talk(A, WORDS))


def test_an_archive_comes_back_and_the_live_file_steps_aside(made):
    rotated(made)
    made.rows[KEY] |= {"totalTokens": 7, "totalTokensFresh": True, "status": "running", "lastInteractionAt": 1}
    made.row(OTHER, C)
    before = contents(made.root)
    report = repaired(made.root, restore=OLD)
    row = index(made)[KEY]
    assert (row["sessionId"], row["sessionFile"]) == (A, str(made.sessions / f"{A}.jsonl"))
    assert (row["status"], row["abortedLastRun"], row["totalTokensFresh"]) == ("done", False, False)
    assert "totalTokens" not in row
    assert row["updatedAt"] == row["lastInteractionAt"] == row["sessionStartedAt"] > 1795193836948
    assert (made.sessions / f"{A}.jsonl").stat().st_mtime_ns <= row["updatedAt"] * 1_000_000
    assert (made.sessions / f"{A}.jsonl").read_bytes() == (made.sessions / OLD).read_bytes()
    assert not (made.sessions / f"{B}.jsonl").exists()
    assert len(list(made.sessions.glob(f"{B}.jsonl.reset.*Z"))) == 1
    assert before - contents(made.root) == {hashlib.sha256(_old_index(report)).hexdigest()}


def _old_index(report) -> bytes:
    manifest = json.loads((Path(report["backup"]) / "manifest.json").read_bytes())
    (blob,) = [each["blob"] for each in manifest["directories"][0]["originals"] if each["name"] == "sessions.json"]
    return (Path(report["backup"]) / blob).read_bytes()


@pytest.mark.parametrize("name", [OLD, f"agents/main/sessions/{OLD}", A, A.upper()])
def test_a_file_is_named_by_its_name_its_path_or_its_session(made, name):
    rotated(made)
    assert repaired(made.root, restore=name, key=KEY)["shown"][0]["sessionId"] == A


def test_other_rows_keep_every_byte(real):
    place = real / "agents" / "main" / "sessions" / "sessions.json"
    before = place.read_bytes()
    archive = next(place.parent.glob("*.jsonl.reset.*"))
    repaired(real, restore=archive.name, key="agent:main:main")
    after = place.read_bytes()
    cut = before.index(b'\n  "agent:main:project-alpha"')
    assert after.endswith(before[cut:])
    assert after.startswith(b'{\n  "agent:main:main": {\n    "sessionId": "')


@pytest.mark.parametrize("what", ["reset", "deleted", "bak", "checkpoint"])
def test_everything_put_aside_in_real_stores_comes_back_and_is_undone(real, what):
    before, home = tree(real), real / "agents" / "main" / "sessions"
    for path in sorted(home.glob(f"*.{what}.*")):
        report = repaired(real, restore=path.name, key="agent:main:brought-back")
        row = json.loads((home / "sessions.json").read_bytes())["agent:main:brought-back"]
        assert Path(row["sessionFile"]).read_bytes().endswith(path.read_bytes())
        repair_undo(report["backup"])
        assert tree(real) == before


def test_a_repeat_finds_nothing_to_do(made):
    rotated(made)
    repaired(made.root, restore=A, key=KEY)
    before = tree(made.root)
    assert repaired(made.root, restore=A, key=KEY)["changed"] is False
    assert tree(made.root) == before


def test_the_old_name_is_reused_only_after_what_lies_there_stepped_aside(made):
    made.row(KEY, B, base=A)
    live = made.file(f"{A}.jsonl", talk(B, ["new"], prefix="n"))
    kept = live.read_bytes()
    made.file(OLD, talk(A, WORDS))
    repaired(made.root, restore=OLD)
    assert index(made)[KEY]["sessionFile"].endswith(f"/{A}.jsonl")
    assert (made.sessions / f"{A}.jsonl").read_bytes() == (made.sessions / OLD).read_bytes()
    (aside,) = [path for path in made.sessions.glob(f"{A}.jsonl.reset.*") if path.name != OLD]
    assert aside.read_bytes() == kept


def test_another_keys_live_file_is_never_touched(made):
    made.row(KEY, C)
    made.file(f"{C}.jsonl", talk(C, ["now"], prefix="c"))
    made.row(OTHER, B, base=A)
    live = made.file(f"{A}.jsonl", talk(B, ["theirs"], prefix="n"))
    kept = live.read_bytes()
    made.file(OLD, talk(A, WORDS))
    repaired(made.root, restore=OLD, key=KEY)
    assert live.read_bytes() == kept
    assert index(made)[KEY]["sessionFile"].endswith(f"Z_{A}.jsonl")
    assert refused(made.root, restore=f"{A}.jsonl", key=KEY) == ["in-use"]


def test_a_transcript_without_header_or_line_end_gets_them_in_its_copy(made):
    made.row(KEY, B)
    lines = [message("x2", "x1", "user", "kept"), message("x3", "x2", "assistant", "too")]
    made.file(f"{A}.jsonl.bak.2026-11-20T16-56-00.586Z", lines, end=b"")
    repaired(made.root, restore=A, key=KEY)
    first, *rest = (made.sessions / f"{A}.jsonl").read_bytes().split(b"\n")
    assert json.loads(first)["id"] == A
    assert rest == [*lines, b""]


def test_a_row_that_shares_its_transcript_does_not_lose_it(made):
    job = "agent:main:cron:5f"
    made.live(job, B, ["run", "done"])
    made.row(f"{job}:run:{B}", B)
    made.file(OLD, talk(A, WORDS))
    repaired(made.root, restore=OLD, key=job)
    assert (made.sessions / f"{B}.jsonl").exists()


def test_rows_without_transcript_are_relinked_or_stay_listed(made):
    made.row(KEY, A, systemSent=True)
    made.file(f"{A}.jsonl.deleted.2026-11-20T17-00-00.000Z", talk(A, WORDS))
    made.row(OTHER, B, status="running")
    job = "agent:main:cron:5f"
    made.row(job, C)
    made.row(f"{job}:run:{C}", C)
    made.file(f"{C}.jsonl.deleted.2026-11-20T17-00-00.000Z", talk(C, ["run", "done"], prefix="c"))
    repaired(made.root, fix_missing=True)
    rows = index(made)
    assert set(rows) == {KEY, f"{OTHER}:retired:{B}", job, f"{job}:run:{C}"}
    assert rows[f"{OTHER}:retired:{B}"]["status"] == "done"
    for key, session in ((KEY, A), (job, C), (f"{job}:run:{C}", C)):
        assert rows[key]["sessionFile"].endswith(f"/{session}.jsonl")
        assert (made.sessions / f"{session}.jsonl").exists()
    before = tree(made.root)
    assert repaired(made.root, fix_missing=True)["changed"] is False
    assert tree(made.root) == before


def test_orphans_get_rows_of_their_own(made):
    made.live(KEY, A, WORDS)
    made.file(f"{B}.jsonl", talk(B, WORDS, prefix="b"))
    cut = made.file(f"{C}.jsonl", talk(C, WORDS, prefix="c", with_header=False))
    kept = cut.read_bytes()
    made.file(f"{session_id(9)}.jsonl", [header(session_id(9))])
    report = repaired(made.root, adopt_orphans=True)
    rows = index(made)
    assert {rows[key]["sessionId"] for key in rows} == {A, B, C}
    assert next(made.sessions.glob(f"{C}.jsonl.bak.*")).read_bytes() == kept
    assert cut.read_bytes().endswith(kept)
    assert report["findings"]["after"].get("file-without-row", 0) == 1  # the empty one


def test_no_more_rows_than_the_program_keeps(made):
    made.rows = {f"agent:main:k{n}": {"sessionId": session_id(100 + n)} for n in range(499)}
    made.row(KEY, A)
    made.file(f"{B}.jsonl", talk(B, WORDS))
    plan = wished(made.root, adopt_orphans=True)
    assert plan["ok"]
    assert not plan["directories"]
    assert "500" in plan["warnings"][0]


def test_checkpoints_are_attached_again(made):
    lines = talk(A, WORDS)
    known, lost = f"{A}.checkpoint.{C}.jsonl", f"{A}.checkpoint.{session_id(60)}.jsonl"

    def record(number, snapshot):
        before = {"sessionId": A, "sessionFile": f"/h/{snapshot}", "leafId": "m1"}
        return {"checkpointId": session_id(number), "sessionId": A, "createdAt": 5, "preCompaction": before}

    points = [record(3, known), record(52, f"{A}.checkpoint.{B}.jsonl")]
    made.row(KEY, B, compactionCheckpoints=points)
    made.file(OLD, lines)
    made.file(f"{known}.deleted.2026-11-20T17-00-00.000Z", lines[:3])
    made.file(lost, lines[:4])
    repaired(made.root, restore=OLD)
    found = index(made)[KEY]["compactionCheckpoints"]
    assert [point["checkpointId"] for point in found] == [C, session_id(60)]
    assert found[1]["preCompaction"] == {"sessionId": A, "sessionFile": str(made.sessions / lost), "leafId": "m2"}
    assert (made.sessions / known).read_bytes() == b"\n".join(lines[:3]) + b"\n"


def test_rows_of_a_store_that_moved_lead_to_their_files_again(made):
    point = {"checkpointId": C, "preCompaction": {"sessionFile": f"/home/user/{A}.checkpoint.{C}.jsonl"}}
    made.row(KEY, A, compactionCheckpoints=[point], status="running")
    made.file(f"{A}.jsonl", talk(A, WORDS))
    made.file(f"{A}.checkpoint.{C}.jsonl", talk(A, WORDS[:2]))
    before = made.rows[KEY]
    report = repaired(made.root, fix_missing=True)
    row = json.loads((made.sessions / "sessions.json").read_text())[KEY]
    assert row["sessionFile"] == str(made.sessions / f"{A}.jsonl")
    snapshot = row["compactionCheckpoints"][0]["preCompaction"]["sessionFile"]
    assert snapshot == str(made.sessions / f"{A}.checkpoint.{C}.jsonl")
    moved = ("sessionFile", "compactionCheckpoints")
    assert {k: v for k, v in row.items() if k not in moved} == {k: v for k, v in before.items() if k not in moved}
    assert not wished(made.root, fix_missing=True)["directories"]
    repair_undo(report["backup"])
    assert json.loads((made.sessions / "sessions.json").read_text())[KEY] == before


def test_a_row_that_ended_is_not_older_than_the_transcript_that_was_copied_with_its_directory(made):
    made.row(KEY, A, status="done", updatedAt=5)
    transcript = made.file(f"{A}.jsonl", talk(A, WORDS))
    os.utime(transcript, ns=(0, 1_795_200_000_000_000_001))
    repaired(made.root, fix_missing=True)
    assert index(made)[KEY]["updatedAt"] == 1_795_200_000_001


def test_a_path_that_leads_somewhere_is_left_as_it_is(made, tmp_path):
    made.row(KEY, A)
    made.file(f"{A}.jsonl", talk(A, WORDS))
    elsewhere = tmp_path / f"{A}.jsonl"
    elsewhere.write_text("of another place\n")
    made.row(KEY, A, sessionFile=str(elsewhere))
    assert not wished(made.root, fix_missing=True)["directories"]


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-40], lambda raw: b"\x00" * 50, lambda raw: b"", lambda raw: b"[]"]
)
def test_a_damaged_index_is_written_anew_from_the_rows_before_the_damage(made, damage):
    rotated(made)
    made.live(OTHER, C, WORDS)
    place = made.sessions / "sessions.json"
    broken = damage(place.read_bytes())
    place.write_bytes(broken)
    before = tree(made.root)
    report = repaired(made.root, restore=OLD, key=KEY)
    assert index(made)[KEY]["sessionId"] == A
    assert next(made.sessions.glob("sessions.json.bak.*")).read_bytes() == broken
    repair_undo(report["backup"])
    assert tree(made.root) == before


def test_a_lost_index_is_made_again(made):
    made.file(f"{A}.jsonl", talk(A, WORDS))
    repaired(made.root, adopt_orphans=True)
    assert [row["sessionId"] for row in index(made).values()] == [A]
    assert (made.sessions / "sessions.json").stat().st_mode & 0o777 == 0o600


def test_stale_locks_go_and_come_back_with_undo(made):
    rotated(made)
    (made.sessions / f"{B}.jsonl.lock").write_text('{"pid": 999999999}')
    before = tree(made.root)
    report = repaired(made.root, restore=OLD)
    assert not list(made.sessions.glob("*.lock"))
    repair_undo(report["backup"])
    assert tree(made.root) == before


def test_a_running_gateway_refuses_unless_told(made):
    rotated(made)
    lock = made.sessions / f"{B}.jsonl.lock"
    lock.write_text(json.dumps({"pid": os.getpid()}))
    assert refused(made.root, restore=OLD) == ["gateway-running"]
    repaired(made.root, restore=OLD, force=True)
    assert lock.exists()


def test_a_gateway_on_any_port_refuses_by_its_own_lock(made, tmp_path, monkeypatch):
    rotated(made)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    lock = tmp_path / "tmp" / "openclaw-0" / "gateway.0a1b2c3d.lock"
    lock.parent.mkdir(parents=True)
    said = {"pid": os.getpid(), "configPath": str(made.root / "openclaw.json"), "startTime": 1}
    lock.write_text(json.dumps(said))
    assert refused(made.root, restore=OLD) == ["gateway-running"]
    for other in (
        {"configPath": str(tmp_path / "openclaw.json")},
        {"pid": 999999999},
        {"pid": "x"},
        {"pid": 1 << 80},
        {"configPath": None},
    ):
        lock.write_text(json.dumps(said | other))
        assert wished(made.root, restore=OLD)["ok"]
    for broken in ("{}", "[]", "", "{"):
        lock.write_text(broken)
        assert wished(made.root, restore=OLD)["ok"]


def test_an_answer_at_the_configured_port_refuses(made):
    rotated(made)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        (made.root / "openclaw.json").write_text(f'{{ // mine\n gateway: {{ mode: "local", port: {port} }} }}')
        plan = wished(made.root, restore=OLD)
        assert [row["code"] for row in plan["refusals"]] == ["gateway-running"]
    repaired(made.root, restore=OLD)


def test_the_sqlite_era_is_refused_with_words(tmp_path):
    root = tmp_path / ".openclaw"
    shutil.copytree(STORES / REAL[2], root)
    plan = wished(root, restore="x", fix_missing=True)
    assert [row["code"] for row in plan["refusals"]] == ["sqlite-era"]
    assert "adopt" in plan["refusals"][0]["words"]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"restore": "../../outside.jsonl", "key": KEY}, "not-found"),
        ({"restore": "/etc/passwd", "key": KEY}, "not-found"),
        ({"restore": "link.jsonl", "key": KEY}, "not-found"),
        ({"restore": "0badf00d"}, "not-found"),
        ({"restore": f"{C}.jsonl"}, "empty"),
        ({"restore": f"{A}.jsonl.deleted.2026-11-20T17-00-00.000Z"}, "key-unknown"),
        ({"restore": OLD, "key": "agent:work:main"}, "key-of-another"),
        ({"restore": OLD, "key": "a\nb"}, "key-invalid"),
        ({}, "nothing-asked"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_code(made, tmp_path, wish, code):
    made.file(OLD, talk(B, WORDS))
    made.file(f"{A}.jsonl.deleted.2026-11-20T17-00-00.000Z", talk(A, WORDS))
    made.file(f"{C}.jsonl", [b"{"])
    outside = tmp_path / "outside.jsonl"
    outside.write_bytes(b"\n".join(talk(A, ["secret"])))
    (made.sessions / "link.jsonl").symlink_to(outside)
    assert refused(made.root, **wish) == [code]


def test_a_directory_that_changed_since_the_plan_is_left_alone(made):
    rotated(made)
    plan = wished(made.root, restore=OLD)
    with (made.sessions / f"{B}.jsonl").open("ab") as stream:
        stream.write(b"{}\n")
    before = tree(made.root)
    with pytest.raises(InvalidParamsError, match="changed"):
        repair_apply(plan)
    assert tree(made.root) == before
    assert list(made.root.parent.iterdir()) == [made.root]


def test_undo_keeps_what_was_written_since(made):
    rotated(made)
    before = tree(made.root)
    report = repaired(made.root, restore=OLD)
    with (made.sessions / f"{A}.jsonl").open("ab") as stream:
        stream.write(b'{"type":"later"}\n')
    newer = (made.sessions / f"{A}.jsonl").read_bytes()
    with pytest.raises(InvalidParamsError, match="since the repair"):
        repair_undo(report["backup"])
    undone = repair_undo(report["backup"], force=True)
    assert tree(made.root) == before
    assert [Path(path).read_bytes() for path in undone["kept"]] == [newer]


def test_a_damaged_or_missing_backup_undoes_nothing(made, tmp_path):
    rotated(made)
    report = repaired(made.root, restore=OLD)
    before = tree(made.root)
    blob = next(path for path in Path(report["backup"]).iterdir() if path.name.startswith("000-0"))
    blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(InvalidParamsError, match="damaged"):
        repair_undo(report["backup"])
    with pytest.raises(NotFoundError):
        repair_undo(tmp_path)
    assert tree(made.root) == before


def test_records_of_checkpoints_that_name_no_snapshot_are_kept(made):
    """From 2026.5.28 on the program finds a checkpoint's place in the transcript itself."""
    record = {"checkpointId": "0c271ad2-9d97-477f-b5f1-1701bf6e3029", "sessionId": A, "preCompaction": {"leafId": "m1"}}
    made.row(OTHER, B, compactionCheckpoints=[record])
    made.file(f"{B}.jsonl", talk(B, WORDS, prefix="b"))
    made.file(f"{A}.jsonl.reset.2026-11-20T15-59-30.000Z", talk(A, WORDS))
    repaired(made.root, restore=A, key=OTHER)
    index = json.loads((made.sessions / "sessions.json").read_text())
    assert index[OTHER]["compactionCheckpoints"] == [record]


def test_a_live_file_that_was_emptied_is_relinked_to_what_is_left_of_its_session(made):
    made.row(KEY, A)
    (made.sessions / f"{A}.jsonl").write_bytes(b"")
    made.file(f"{A}.jsonl.bak.2026-11-20T16-30-00.000Z", talk(A, WORDS))
    before = tree(made.root)
    report = repaired(made.root, fix_missing=True)
    assert (made.sessions / f"{A}.jsonl").read_bytes() == b"\n".join(talk(A, WORDS)) + b"\n"
    repair_undo(report["backup"])
    assert tree(made.root) == before


def test_a_shown_file_whose_last_line_has_no_end_gets_one(made):
    made.live(KEY, A, WORDS)
    made.file(f"{A}.jsonl", talk(A, WORDS), end=b"")
    report = repaired(made.root, restore=f"{A}.jsonl")
    assert (made.sessions / f"{A}.jsonl").read_bytes() == b"\n".join(talk(A, WORDS)) + b"\n"
    assert "already" in wished(made.root, restore=f"{A}.jsonl")["warnings"][0]
    repair_undo(report["backup"])
    assert (made.sessions / f"{A}.jsonl").read_bytes() == b"\n".join(talk(A, WORDS))


def cut(made) -> list[bytes]:
    """A session the program cut into three, the live file the last of them; the lines it had."""
    made.row(KEY, A)
    wanted = [header(A)]
    for number in range(3):
        asked, answered = f"q{number}", f"a{number}"
        own = [message(asked, None, "user", f"question {number} ä", 2 * number)]
        own.append(message(answered, asked, "assistant", f"answer {number}", 2 * number + 1))
        name = f"{A}.jsonl.bak-4711-{1795190400000 + 120_000 * number}" if number < 2 else f"{A}.jsonl"
        made.file(name, [header(A), *own], end=b"" if number == 1 else b"\n")
        first = json.loads(own[0]) | {"parentId": f"a{number - 1}" if number else None}
        wanted += [json.dumps(first, separators=(",", ":"), ensure_ascii=False).encode() if number else own[0], own[1]]
    return wanted


@pytest.mark.parametrize("meant", [A, f"{A}.jsonl", f"{A}.jsonl.bak-4711-1795190400000"])
def test_a_session_that_was_cut_into_slices_is_one_transcript_again(made, meant):
    wanted = cut(made)
    before, contents_before = tree(made.root), contents(made.root)
    report = repaired(made.root, restore=meant)
    assert (made.sessions / f"{A}.jsonl").read_bytes() == b"\n".join(wanted) + b"\n"
    assert len(contents_before - contents(made.root)) == 1  # the index; every slice is kept
    assert "already" in wished(made.root, restore=A)["warnings"][0]
    repair_undo(report["backup"])
    assert tree(made.root) == before


def test_a_slice_of_one_line_without_its_end_goes_on_too(made):
    made.row(KEY, A)
    made.file(f"{A}.jsonl.bak-4711-1795190400000", talk(A, WORDS[:2]))
    made.file(f"{A}.jsonl", [header(A), message("x", None, "user", "later", 8)], end=b"")
    repaired(made.root, restore=A)
    last = json.loads((made.sessions / f"{A}.jsonl").read_bytes().splitlines()[-1])
    assert (last["id"], last["parentId"]) == ("x", "m1")


def test_a_cut_session_without_its_last_slice_is_relinked_whole(made):
    wanted = cut(made)
    (made.sessions / f"{A}.jsonl").rename(made.sessions / f"{A}.jsonl.deleted.2026-11-20T17-00-00.000Z")
    repaired(made.root, fix_missing=True)
    assert (made.sessions / f"{A}.jsonl").read_bytes() == b"\n".join(wanted) + b"\n"


def test_a_cut_session_whose_live_file_was_emptied_is_relinked_whole(made):
    wanted = cut(made)
    live = made.sessions / f"{A}.jsonl"
    shutil.copy(live, live.with_name(f"{live.name}.bak.2026-11-20T17-00-00.000Z"))
    live.write_bytes(b"")
    repaired(made.root, fix_missing=True)
    assert live.read_bytes() == b"\n".join(wanted) + b"\n"


def test_one_slice_that_cannot_be_joined_is_said_to_be_one(made):
    cut(made)
    packed = next(made.sessions.glob("*.bak-*"))
    packed.with_name(f"{packed.name}.zst").write_bytes(zstandard.ZstdCompressor().compress(packed.read_bytes()))
    packed.unlink()
    plan = wished(made.root, restore=f"{A}.jsonl")
    assert any("3 slices" in words and "adopt" in words for words in plan["warnings"])


def test_a_copy_of_the_directory_beside_it_does_not_stand_in_the_way(made):
    rotated(made)
    shutil.copytree(made.sessions, made.root / "old-sessions")
    repaired(made.root, restore=f"agents/main/sessions/{OLD}")
    assert index(made)[KEY]["sessionId"] == A


def test_transcripts_below_a_sessions_directory_are_of_its_state_directory(made):
    below = made.sessions / "sub"
    below.mkdir()
    (below / f"{A}.jsonl").write_bytes(b"\n".join(talk(A, WORDS)) + b"\n")
    backup = repaired(made.root, adopt_orphans=True)["backup"]
    assert Path(backup).parent == made.root.parent


def test_strange_rows_and_names_are_taken_as_they_are(made):
    made.row(KEY, B, label={"x": 1})
    made.file(f"{B}.jsonl", talk(B, WORDS))
    made.file(".jsonl", talk(A, WORDS))
    repaired(made.root, adopt_orphans=True)
    assert A in {row["sessionId"] for row in index(made).values()}


@pytest.mark.parametrize("kind", ["fifo", "directory", "link"])
def test_an_index_that_is_no_plain_file_is_refused_in_words(made, kind):
    made.file(f"{A}.jsonl", talk(A, WORDS))
    place = made.sessions / "sessions.json"
    {"fifo": lambda: os.mkfifo(place), "directory": place.mkdir, "link": lambda: place.symlink_to(__file__)}[kind]()
    plan = wished(made.root, adopt_orphans=True)
    assert [row["code"] for row in plan["refusals"]] == ["index-unreadable"]
