"""Every command end to end: a process on a data directory of its own."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import uuid
from contextlib import closing

KEY = "agent:main:main"


def _current(place):
    return place.manage("sessions", "show", KEY, "--json").document["sessionId"]


def test_any_command_makes_an_empty_place_ready(empty_place):
    said = empty_place.manage("sessions", "list", "--json")
    assert said.code == 0, said.err
    (row,) = said.document["sessions"]
    assert (row["sessionKey"], row["owner"], row["entries"]) == (KEY, "admin", 0)
    assert empty_place.path.stat().st_mode & 0o777 == 0o700
    assert {p.name for p in empty_place.path.iterdir()} >= {
        "agents.toml",
        "hooks.toml",
        "secret_key",
        "holdfast.sqlite3",
    }


def test_data_dir_on_the_line_wins_over_the_environment(empty_place, tmp_path):
    said = empty_place.manage("sessions", "--data-dir", str(tmp_path / "other"), "list")
    assert said.code == 0, said.err
    assert (tmp_path / "other" / "holdfast.sqlite3").exists()
    assert not empty_place.path.exists()


def test_a_database_of_newer_code_is_refused_and_not_touched(empty_place):
    empty_place.manage("sessions", "list")
    database = empty_place.path / "holdfast.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('sessions_app', '9999_later', '2030-01-01')"
        )
    said = empty_place.manage("sessions", "list", "--json")
    assert said.code == 7
    assert said.document["error"]["code"] == "database_newer"
    assert said.document["error"]["details"] == {"unknown": ["sessions_app.9999_later"]}
    assert "newer" in said.err


def test_a_sign_in_link_is_one_line(place):
    said = place.manage("signin_link", "admin")
    assert said.code == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:8765/signin/link/[\w-]{40,}\n", said.out)


def test_a_sign_in_link_can_name_the_public_address(place):
    said = place.manage("signin_link", "admin", "--base-url", "https://chat.example/", "--json")
    assert said.document["url"].startswith("https://chat.example/signin/link/")


def test_a_link_for_nobody_is_refused(place):
    said = place.manage("signin_link", "nobody", "--json")
    assert said.code == 1
    assert said.document["error"]["code"] == "not_found"
    assert "nobody" in said.err


def test_a_token_is_made_listed_and_revoked(place):
    made = place.manage(
        "token", "create", "--user", "admin", "--scopes", "write,read", "--name", "ci", "--json"
    ).document
    assert made["token"].startswith("hf_")
    assert made["scopes"] == ["read", "write"]
    (listed,) = [
        t for t in place.manage("token", "list", "--json").document["tokens"] if t["tokenId"] == made["tokenId"]
    ]
    assert listed["revokedAt"] is None
    assert made["token"].startswith(listed["prefix"])
    assert "token" not in listed
    gone = place.manage("token", "revoke", str(made["tokenId"]), "--json").document
    assert gone["alreadyRevoked"] is False
    again = place.manage("token", "revoke", str(made["tokenId"]), "--json").document
    assert again["alreadyRevoked"] is True


def test_no_secret_is_stored_in_the_clear(place):
    token = place.manage("token", "create", "--user", "admin").out.strip()
    link = place.manage("signin_link", "admin").out.strip().rsplit("/", 1)[1]
    stored = b"".join(p.read_bytes() for p in place.path.glob("holdfast.sqlite3*"))
    assert token.encode() not in stored
    assert link.encode() not in stored


def test_reset_and_restore_bring_the_same_session_back(place):
    first = _current(place)
    done = place.manage("sessions", "reset", KEY, "--yes", "--reason", "tidy", "--json")
    assert done.code == 0, done.err
    assert done.document["oldSessionId"] == first
    assert _current(place) == done.document["newSessionId"]
    back = place.manage("sessions", "restore", KEY, first, "--json")
    assert back.code == 0, back.err
    assert back.document["undo"] == {"sessionId": done.document["newSessionId"]}
    assert _current(place) == first
    newest = json.loads(place.manage("audit", "export").out.splitlines()[0])
    assert (newest["type"], newest["actor"], newest["trigger"]) == ("session.restored", "admin", "cli")


def test_reset_without_anybody_to_ask_changes_nothing(place):
    before = _current(place)
    said = place.manage("sessions", "reset", KEY, "--json")
    assert said.code == 3
    assert said.document["error"]["code"] == "confirmation_required"
    assert said.document["error"]["details"]["sessionId"] == before
    assert before in said.err
    assert _current(place) == before


def test_restore_wants_to_know_what(place):
    assert place.manage("sessions", "restore", KEY).code == 2
    assert place.manage("sessions", "restore", KEY, "not-an-id").code == 2
    said = place.manage("sessions", "restore", KEY, str(uuid.uuid4()), "--json")
    assert (said.code, said.document["error"]["code"]) == (1, "not_found")


def test_lists_and_details_read_as_text_too(place):
    assert KEY in place.manage("sessions", "list").out
    assert _current(place) in place.manage("sessions", "show", KEY).out
    assert "PREFIX" in place.manage("token", "list").out or "no tokens" in place.manage("token", "list").out


def test_the_audit_chain_verifies_and_exports(place, tmp_path):
    state = place.manage("audit", "verify", "--json").document
    assert state["ok"] is True
    lines = place.manage("audit", "export").out.splitlines()
    assert len(lines) >= state["events"] > 0
    assert place.manage("audit", "verify", "--expect-head", state["headHash"]).code == 0
    rows = list(csv.DictReader(io.StringIO(place.manage("audit", "export", "--format", "csv").out)))
    assert rows[0]["hash"] == json.loads(lines[0])["hash"]
    file = tmp_path / "audit.jsonl"
    assert place.manage("audit", "export", "--output", str(file)).code == 0
    assert file.read_text(encoding="utf-8").splitlines() == lines
    assert place.manage("audit", "export", "--output", str(file)).code == 1  # nothing is overwritten


def test_a_broken_chain_ends_with_its_own_number(empty_place):
    empty_place.manage("sessions", "list")
    with closing(sqlite3.connect(empty_place.path / "holdfast.sqlite3")) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE '%audit%'"
        ).fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE sessions_app_auditevent SET actor_label = 'somebody else' WHERE seq = 1")
    said = empty_place.manage("audit", "verify", "--json")
    assert said.code == 4
    assert said.document["firstBroken"] == 1


def test_an_expected_head_that_is_gone_is_a_broken_chain(place):
    said = place.manage("audit", "verify", "--expect-head", "0" * 64)
    assert said.code == 4
    assert "not in it" in said.out


def test_acting_as_somebody_unknown_is_refused(place):
    said = place.manage("sessions", "list", "--as", "ghost", "--json")
    assert (said.code, said.document["error"]["code"]) == (1, "not_found")
