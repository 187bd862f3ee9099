"""One small store for each trap of the format."""

from __future__ import annotations

import json
import os

import pytest
import zstandard

from tests.rescue.making import KEY, Made, codes, header, message, read, session_id, sums_hold, talk

A, B, C = (session_id(n) for n in (1, 2, 3))
WORDS = ["one", "two", "three", "four"]


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path / "store")


def rows(report):
    return {row["path"].rsplit("/", 1)[-1]: row for row in report["files"]}


def scanned(made):
    store, plan, report = read(made.root)
    sums_hold(report)
    store.ledger.close()
    return plan, report


def sessions(report, key=KEY):
    found = [group["sessions"] for group in report["keys"] if group["sessionKey"] == key]
    return found[0] if found else []


def test_a_whole_store_has_nothing_wrong_but_its_moved_paths(made):
    made.live(KEY, A, WORDS)
    _, report = scanned(made)
    assert codes(report) == {"path-moved": 1}
    (session,) = sessions(report)
    assert (session["sessionId"], session["isCurrent"], session["lines"]) == (A, True, 4)
    row = rows(report)[f"{A}.jsonl"]
    assert (row["firstWords"], row["lastWords"], row["messages"]) == ("one", "four", {"user": 2, "assistant": 2})


def test_the_header_tells_the_session_not_the_name(made):
    made.file(f"{A}.jsonl.reset.2026-11-20T16-30-00.000Z", talk(B, ["old"], prefix="o"))
    made.file(f"{A}.jsonl.reset.2026-11-20T16-40-00.000Z", talk(C, ["older"], prefix="p"))
    made.row(KEY, session_id(9), base=A)
    _, report = scanned(made)
    assert {s["sessionId"] for s in sessions(report)} == {B, C}
    assert codes(report)["one-name-two-sessions"] == 1


def test_a_headerless_file_keeps_its_lines_under_the_id_of_its_name(made):
    made.row(KEY, A)
    made.file(f"{A}.jsonl", [message("x2", "x1", "user", "kept"), message("x3", "x2", "assistant", "too")])
    _, report = scanned(made)
    assert codes(report)["header-missing"] == 1
    assert [(s["sessionId"], s["lines"], s["isCurrent"]) for s in sessions(report)] == [(A, 2, True)]


def test_a_backup_with_more_than_the_cut_file_is_an_archive(made):
    lines = talk(A, WORDS)
    made.row(KEY, A)
    made.file(f"{A}.jsonl", lines[-2:])
    made.file(f"{A}.jsonl.bak.2026-11-20T16-56-00.586Z", lines)
    _, report = scanned(made)
    assert [(s["kind"], s["lines"], s["isCurrent"]) for s in sessions(report)] == [
        ("backup", 4, False),
        ("transcript", 2, True),
    ]


def test_the_same_content_is_stored_once_wherever_it_lies(made):
    lines = talk(A, WORDS)
    made.row(KEY, A)
    made.file(f"{A}.jsonl", lines)
    made.file(f"{A}.jsonl.bak-77-1795194337435", lines[:-1])
    made.file(f"{A}.checkpoint.{C}.jsonl", lines[:3])
    made.file(f"{A}.jsonl.deleted.2026-11-20T17-00-00.000Z", lines)
    _, report = scanned(made)
    assert len(sessions(report)) == 1
    assert report["totals"]["adopted"] == len(lines)
    assert codes(report)["duplicate"] == 3


def test_a_slice_of_what_is_stored_is_a_duplicate(made):
    lines = talk(A, [*WORDS, "five", "six"])
    made.row(KEY, A)
    made.file(f"{A}.jsonl", lines)
    made.file(f"{A}.jsonl.bak-77-1795194337435", lines[3:5])
    _, report = scanned(made)
    assert len(sessions(report)) == 1


def test_a_fork_begins_inside_its_source(made):
    lines = talk(A, WORDS)
    made.row(KEY, A)
    made.file(f"{A}.jsonl", lines)
    fork = [header(B, parentSession=f"/x/{A}.jsonl"), *lines[1:3], message("f", "m1", "user", "another way")]
    made.file(f"2026-11-20T16-56-11-461Z_{B}.jsonl", fork)
    made.row("agent:main:fork", B, base=f"2026-11-20T16-56-11-461Z_{B}")
    _, report = scanned(made)
    (session,) = sessions(report, "agent:main:fork")
    assert (session["sharedLines"], session["newLines"], session["isCurrent"]) == (2, 1, True)


def test_rows_of_a_schedule_share_a_transcript_and_are_not_current(made):
    job = "agent:main:cron:5f"
    made.live(job, A, ["run", "done"])
    made.row(f"{job}:run:{A}", A)
    _, report = scanned(made)
    assert codes(report)["shared-transcript"] == 1
    assert [s["isCurrent"] for s in sessions(report, job)] == [False]


def test_a_row_written_before_its_transcript_brings_nothing(made):
    made.row(KEY, A, status="running")
    _, report = scanned(made)
    assert codes(report) == {"row-before-transcript": 1, "running-without-process": 1, "path-moved": 1}
    assert report["keys"] == []


def test_a_row_whose_transcript_was_renamed_away_shows_it_again(made):
    made.row(KEY, A, systemSent=True)
    made.file(f"{A}.jsonl.deleted.2026-11-20T17-00-00.000Z", talk(A, WORDS))
    _, report = scanned(made)
    assert codes(report)["row-has-archive"] == 1
    assert [(s["sessionId"], s["isCurrent"]) for s in sessions(report)] == [(A, True)]


def test_an_orphan_is_unfiled(made):
    made.file(f"{A}.jsonl", talk(A, WORDS))
    _, report = scanned(made)
    assert codes(report)["file-without-row"] == 1
    assert [s["isCurrent"] for s in sessions(report, "agent:main:unfiled")] == [False]


def test_a_cut_index_gives_the_rows_before_the_cut(made):
    made.live(KEY, A, WORDS)
    made.live("agent:main:other", B, WORDS)
    index = made.sessions / "sessions.json"
    index.write_bytes(index.read_bytes()[:-40])
    _, report = scanned(made)
    assert codes(report)["index-cut"] == 1
    assert [s["sessionId"] for s in sessions(report)] == [A]
    assert [s["sessionId"] for s in sessions(report, "agent:main:unfiled")] == [B]


def test_a_hole_in_the_index_costs_only_the_rows_it_hit(made):
    for number in range(1, 6):
        made.live(f"agent:main:chat-{number}", session_id(number), WORDS)
    index = made.sessions / "sessions.json"
    raw = bytearray(index.read_bytes())
    at = raw.index(b"agent:main:chat-3")
    raw[at + 10 : at + 60] = bytes(50)
    index.write_bytes(raw)
    _, report = scanned(made)
    current = {group["sessionKey"] for group in report["keys"] for row in group["sessions"] if row["isCurrent"]}
    assert current == {f"agent:main:chat-{number}" for number in (1, 2, 4, 5)}
    assert codes(report)["index-cut"] == 1


@pytest.mark.parametrize("content", [b"", b"\x00" * 200, b"[1, 2]", b"{", b"\xff\xfe{}"])
def test_an_unreadable_index_hides_no_transcript(made, content):
    made.live(KEY, A, WORDS)
    (made.sessions / "sessions.json").write_bytes(content)
    _, report = scanned(made)
    assert codes(report)["index-unreadable"] == 1
    assert report["totals"]["adopted"] == 5


def test_a_cut_last_line_is_unreadable_and_its_place_is_told(made):
    path = made.live(KEY, A, WORDS)
    raw = path.read_bytes()[:-20]
    path.write_bytes(raw)
    _, report = scanned(made)
    assert codes(report)["last-line-cut"] == 1
    accounts = rows(report)[path.name]["accounts"]
    assert (accounts["adopted"], accounts["unreadable"]) == (4, 1)
    assert accounts["unreadableAt"] == [raw.rfind(b"\n") + 1]


def test_a_whole_last_line_without_a_line_end_is_whole(made):
    made.row(KEY, A)
    made.file(f"{A}.jsonl", talk(A, WORDS), end=b"")
    _, report = scanned(made)
    assert report["totals"]["adopted"] == 5


def test_bad_utf8_is_told_with_its_place(made):
    made.row(KEY, A)
    lines = talk(A, WORDS)
    lines[2] = lines[2].replace(b"two", b"t\xffo")
    made.file(f"{A}.jsonl", lines)
    _, report = scanned(made)
    assert codes(report)["bad-utf8"] == 1
    assert rows(report)[f"{A}.jsonl"]["accounts"]["unreadableAt"] == [len(lines[0]) + len(lines[1]) + 2]
    assert sessions(report)[0]["lines"] == 3


def test_empty_lines_and_carriage_returns_are_no_damage(made):
    made.row(KEY, A)
    made.file(f"{A}.jsonl", [b"\xef\xbb\xbf" + talk(A, WORDS)[0] + b"\r", b"", *talk(A, WORDS)[1:]])
    _, report = scanned(made)
    assert rows(report)[f"{A}.jsonl"]["accounts"]["why"] == {"empty-line": 1}
    assert report["totals"]["adopted"] == 5


def test_every_branch_of_a_tree_is_kept(made):
    made.row(KEY, A)
    lines = [
        header(A),
        message("a", None, "user", "question"),
        message("b", "a", "assistant", "first answer"),
        message("c", "a", "assistant", "second answer"),
        message("d", "b", "user", "on the first"),
        message("e", "c", "user", "on the second"),
    ]
    made.file(f"{A}.jsonl", lines)
    plan, report = scanned(made)
    assert codes(report)["branches"] == 1
    assert {(s.part, s.skip, s.new_lines) for s in plan.strands} == {("main", 0, 3), ("branch", 0, 2)}


def test_unknown_lines_and_lines_without_parents_are_kept_in_place(made):
    made.row(KEY, A)
    lines = [*talk(A, WORDS[:2]), b'{"type":"future","x":1}', b"[1]", b'"text"', message("z", "m1", "user", "after")]
    made.file(f"{A}.jsonl", lines)
    _, report = scanned(made)
    assert report["totals"]["adopted"] == len(lines)
    assert [s["lines"] for s in sessions(report)] == [6]


def test_a_repeated_line_is_a_duplicate(made):
    made.row(KEY, A)
    lines = talk(A, WORDS)
    made.file(f"{A}.jsonl", [*lines[:3], lines[2], *lines[3:]])
    _, report = scanned(made)
    assert (report["totals"]["adopted"], report["totals"]["duplicate"]) == (5, 1)


def test_compressed_archives_are_read_and_a_broken_one_up_to_its_break(made):
    packed = zstandard.compress(b"\n".join(talk(A, WORDS)) + b"\n")
    (made.sessions / f"{A}.jsonl.deleted.2026-11-20T17-00-00.000Z.ab12.zst").write_bytes(packed)
    (made.sessions / f"{B}.jsonl.deleted.2026-11-20T17-00-00.000Z.ab12.zst").write_bytes(packed[:20])
    _, report = scanned(made)
    assert codes(report)["compressed-broken"] == 1
    assert report["totals"]["adopted"] == 5


def test_nothing_outside_is_followed(made, tmp_path):
    secret = tmp_path / "outside.jsonl"
    secret.write_bytes(b"\n".join(talk(B, ["secret"])) + b"\n")
    (made.sessions / f"{B}.jsonl").symlink_to(secret)
    (made.sessions / "up").symlink_to("/etc")
    (made.sessions / f"{C}.jsonl").symlink_to(made.live(KEY, A, WORDS))
    os.mkfifo(made.sessions / "pipe.jsonl")
    made.row("agent:main:evil", B, base="../../../../outside")
    made.rows["agent:main:evil"]["sessionFile"] = "/home/user/../../outside.jsonl"
    (made.sessions / "sessions.json").write_text(json.dumps(made.rows))
    _, report = scanned(made)
    found = codes(report)
    assert (found["path-leaves-directory"], found["link-not-followed"], found["special-file"]) == (3, 1, 1)
    assert "secret" not in json.dumps(report)


def test_leftovers_are_told(made):
    made.live(KEY, A, WORDS)
    (made.sessions / f"{A}.jsonl.lock").write_text('{"pid": 999999999}')
    (made.sessions / f"sessions.json.{C}.tmp").write_text("{}")
    (made.sessions / "odd\udcff.jsonl").write_bytes(b"")
    found = codes(scanned(made)[1])
    assert (found["stale-lock"], found["leftover-temp"]) == (1, 1)


def test_a_live_lock_is_told_apart(made):
    made.live(KEY, A, WORDS)
    (made.sessions / f"{A}.jsonl.lock").write_text(json.dumps({"pid": os.getpid()}))
    assert codes(scanned(made)[1])["live-lock"] == 1


def _point(checkpoint, session, snapshot):
    before = {"sessionId": session, "sessionFile": f"/h/{snapshot}.jsonl", "leafId": "m1"}
    return {
        "checkpointId": checkpoint,
        "sessionId": session,
        "createdAt": 1795193694833,
        "reason": "manual",
        "summary": "## Goal\nGrow beans.",
        "preCompaction": before,
    }


def test_checkpoints_are_found_by_snapshot_by_leaf_and_without_a_record(made):
    lines = talk(A, WORDS)
    points = [_point(session_id(51), A, f"{A}.checkpoint.{C}"), _point(session_id(52), A, f"{A}.checkpoint.{B}")]
    made.row(KEY, A, compactionCheckpoints=points)
    made.file(f"{A}.jsonl", lines)
    made.file(f"{A}.checkpoint.{C}.jsonl", lines[:3])
    made.file(f"{A}.checkpoint.{session_id(60)}.jsonl", lines[:4])
    _, report = scanned(made)
    assert {point["checkpointId"] for point in report["checkpoints"]} == {session_id(n) for n in (51, 52, 60)}
    assert report["checkpoints"][0]["label"] == "Before compaction (manual): Grow beans."
    assert (codes(report)["checkpoint-snapshot-missing"], codes(report)["checkpoint-metadata-lost"]) == (1, 1)


def test_a_turn_that_only_a_trace_has_is_recovered(made):
    made.live(KEY, A, WORDS)

    def trace(kind, run, data):
        about = {"type": kind, "ts": "2026-11-20T16:20:00Z", "sessionId": A, "sessionKey": KEY, "runId": run}
        return json.dumps({"traceSchema": "openclaw-trajectory", **about, "data": data}).encode()

    lines = [
        trace("prompt.submitted", "r1", {"prompt": "[Fri 2026-11-20 16:00 UTC] one"}),
        trace("model.completed", "r1", {"assistantTexts": ["two"]}),
        trace("prompt.submitted", "r2", {"prompt": "lost question"}),
        trace("model.completed", "r2", {"assistantTexts": ["lost answer"]}),
    ]
    made.file(f"{A}.trajectory.jsonl", lines)
    _, report = scanned(made)
    assert codes(report)["turn-only-in-trajectory"] == 1
    assert [(s["kind"], s["lines"]) for s in sessions(report)] == [("recovered", 2), ("transcript", 4)]


def test_a_sessions_directory_or_its_parent_may_be_given(made):
    made.live(KEY, A, WORDS)
    for root in (made.sessions, made.root, made.root.parent):
        store, _, report = read(root)
        assert [s["sessionId"] for s in sessions(report)] == [A]
        store.ledger.close()


def test_reading_leaves_the_directory_as_it_was(made):
    made.live(KEY, A, WORDS)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in made.root.rglob("*")}
    scanned(made)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in made.root.rglob("*")} == before


def test_halves_of_surrogate_pairs_anywhere_stop_nothing(made):
    line = message("m", None, "user", "x").replace(b'"m"', rb'"\ud800"')
    made.row("agent:main:\ud800", A, label="\ud800")
    odd = rb'{"type":"\ud800","id":"\udfff","parentId":"\ud800","timestamp":"\ud800","message":{"role":"\ud800"}}'
    made.file(f"{A}.jsonl", [header(A), line, odd, line.replace(b"user", rb"\ud800")])
    _, report = scanned(made)
    json.dumps(report, ensure_ascii=False).encode()
    assert report["totals"]["adopted"] == 4


def test_a_fork_that_no_row_knows_goes_to_the_key_it_was_forked_from(made):
    made.live(KEY, A, WORDS)
    made.file(f"2026-11-20T16-56-11-461Z_{B}.jsonl", [header(B, parentSession=f"/x/{A}.jsonl"), *talk(B, WORDS)[1:]])
    made.file(f"2026-11-20T16-57-11-461Z_{C}.jsonl", [header(C, parentSession=f"/x/{B}.jsonl"), *talk(C, WORDS)[1:]])
    _, report = scanned(made)
    assert {session["foreignId"] for session in sessions(report)} >= {A}
    assert codes(report)["key-guessed"] == 2
    assert [group["sessionKey"] for group in report["keys"]] == [KEY]


def test_files_that_are_only_called_like_transcripts_are_none(made):
    work = made.root / "workspace" / "data"
    work.mkdir(parents=True)
    (work / "training.jsonl").write_bytes(b'{"text": "a"}\n{"text": "b"}\n')
    (work / "lines.jsonl").write_bytes(b'{"type": "message", "text": "no entry"}\nnot json\n')
    (work / "kept.jsonl").write_bytes(b"\n".join(talk(A, WORDS)) + b"\n")
    (work / f"{B}.jsonl").write_bytes(b"\n".join(talk(B, WORDS, prefix="b")[2:]) + b"\n")
    (work / "none.jsonl").write_bytes(b"")
    packed = zstandard.ZstdCompressor().compress(b"\n".join(talk(C, WORDS, prefix="c")) + b"\n")
    (work / "packed.jsonl.zst").write_bytes(packed)
    (work / "broken.jsonl.zst").write_bytes(b"nothing packed")
    _, report = scanned(made)
    kinds = {name: row["kind"] for name, row in rows(report).items()}
    others = ["training.jsonl", "lines.jsonl", "none.jsonl", "broken.jsonl.zst"]
    assert [kinds[name] for name in others] == ["other"] * 4
    assert {kinds[name] for name in ("kept.jsonl", f"{B}.jsonl", "packed.jsonl.zst")} == {"transcript"}
    assert report["totals"]["adopted"] == 5 + 3 + 5


def test_parts_of_programs_are_one_row_and_no_findings(made):
    made.live(KEY, A, WORDS)
    parts = made.root / "plugin-runtime-deps" / "x" / "node_modules" / "y"
    parts.mkdir(parents=True)
    for number in range(5):
        (parts / f"{number}.js").write_text("x" * 10)
    (parts / "out.js").symlink_to("/etc/hosts")
    (parts / f"{B}.jsonl").symlink_to("/etc/hosts")
    _, report = scanned(made)
    (row,) = [row for row in report["files"] if row["path"].startswith("plugin-runtime-deps/") and "files" in row]
    assert (row["path"], row["files"], row["size"]) == ("plugin-runtime-deps/", 7, 50)
    assert report["totals"]["files"] == 2 + 7
    assert [f["path"] for f in report["findings"] if f["code"] == "path-leaves-directory"] == [
        f"plugin-runtime-deps/x/node_modules/y/{B}.jsonl"
    ]


def test_a_snapshot_the_programs_repair_renamed_is_a_checkpoint(made):
    own = "0c271ad2-9d97-477f-b5f1-1701bf6e3029"
    made.live(KEY, A, WORDS)
    snapshot = talk(A, WORDS[:2], prefix=A[-4:])
    made.file(f"{A}.checkpoint.{own}.jsonl.deleted.2026-11-20T17-00-00.000Z", snapshot)
    _, report = scanned(made)
    assert [point["checkpointId"] for point in report["checkpoints"]] == [own]


def test_a_state_directory_called_agents_mixes_nobody_up(tmp_path):
    made = Made(tmp_path / "agents")
    made.live(KEY, A, WORDS)
    bob = made.root / "agents" / "bob" / "sessions"
    bob.mkdir(parents=True)
    (bob / f"{B}.jsonl").write_bytes(b"\n".join(talk(B, WORDS, prefix="b")))
    _, report = scanned(made)
    assert {group["agent"] for group in report["keys"]} == {"main", "bob"}


def test_every_finding_is_listed(made):
    for number in range(5100):
        (made.sessions / f"{number}.jsonl.tmp").write_bytes(b"")
    _, report = scanned(made)
    assert codes(report)["leftover-temp"] == 5100


def test_of_several_put_aside_the_one_of_the_rows_own_name_and_last_is_shown(made):
    """`doctor --fix` renamed away what `maxLines` had left; the whole is a backup."""
    made.row(KEY, A)
    made.file(f"{A}.jsonl.bak.2026-11-20T16-30-00.000Z", talk(A, WORDS))
    cut = made.file(f"{A}.jsonl.deleted.2026-11-20T17-00-00.000Z", [header(A), *talk(A, WORDS)[-2:]])
    made.file(f"2026-11-20T17-10-00-000Z_{A}.jsonl.deleted.2026-11-20T17-20-00.000Z", talk(A, ["other"]))
    _, report = scanned(made)
    assert [row["path"] for row in report["files"] if row.get("isCurrent")] == [str(cut.relative_to(made.root))]


def test_an_emptied_live_file_has_its_row(made):
    made.row(KEY, A)
    (made.sessions / f"{A}.jsonl").write_bytes(b"")
    made.file(f"{A}.jsonl.bak.2026-11-20T16-30-00.000Z", talk(A, WORDS))
    found = codes(scanned(made)[1])
    assert "row-has-archive" in found
    assert "file-without-row" not in found


@pytest.mark.parametrize("value", ["[" * 5000 + "]" * 5000, "9" * 5000])
def test_a_line_of_endless_depth_or_digits_is_kept(made, value):
    made.row(KEY, A)
    odd = b'{"type":"custom","id":"x","parentId":"m3","data":%s}' % value.encode()
    made.file(f"{A}.jsonl", [*talk(A, WORDS), odd, message("y", "x", "user", "behind it")])
    _, report = scanned(made)
    assert report["totals"] | {"bytes": 0} == {
        "files": 2,
        "bytes": 0,
        "lines": 7,
        "adopted": 7,
        "duplicate": 0,
        "unreadable": 0,
        "refused": 0,
    }
