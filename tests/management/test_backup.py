"""Backups end to end: made beside a running server, proven, brought back; the drill of docs/backup.md."""

from __future__ import annotations

import http.client
import json
import random
import socket
import sqlite3
import tarfile
import threading
import time
from contextlib import closing

import pytest

from sessions_app.runtime.backup import SEAL_BYTES, seal
from tests.management.conftest import Place
from tests.management.test_serve import Server

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def made(place, tmp_path_factory):
    """One backup of one place."""
    file = tmp_path_factory.mktemp("backups") / "one.tar.gz"
    said = place.manage("backup", str(file), "--json")
    assert said.code == 0, said.err
    return file, said.document


def test_a_backup_says_what_it_holds(made):
    file, manifest = made
    assert file.stat().st_mode & 0o777 == 0o600
    assert set(manifest["members"]) == {"holdfast.sqlite3", "agents.toml", "hooks.toml", "secret_key"}
    assert manifest["transcripts"]["sessions"] == manifest["rows"]["sessions_app_session"] == 1
    assert manifest["audit"]["events"] == manifest["rows"]["sessions_app_auditevent"]
    assert "sessions_app.0001_initial" in manifest["migrations"]
    with tarfile.open(file) as tar:
        assert tar.getnames()[0] == "manifest.json"


def test_a_backup_overwrites_nothing(place, made):
    before = made[0].read_bytes()
    said = place.manage("backup", str(made[0]))
    assert said.code == 1
    assert "never overwrites" in said.err
    assert made[0].read_bytes() == before


def test_a_backup_into_nowhere_is_refused_in_words(place, tmp_path):
    said = place.manage("backup", str(tmp_path / "no" / "such" / "place.tar.gz"))
    assert said.code == 1
    assert "Traceback" not in said.err


def test_a_whole_backup_verifies(place, made):
    said = place.manage("backup", "verify", str(made[0]), "--json")
    assert (said.code, said.document["ok"], said.document["problems"]) == (0, True, [])


def test_the_seal_breaks_with_any_bit(made, tmp_path):
    """Gzip's own check sum does not: another distance into a run of zeros gives the same zeros."""
    whole = made[0].read_bytes()
    for place in random.Random(4).sample(range(20, len(whole)), 300):
        bad = tmp_path / "bad.tar.gz"
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        assert seal(bad, len(whole) - SEAL_BYTES) != bad.read_bytes()[-SEAL_BYTES:], place


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9, -4, -60])
def test_a_flipped_byte_is_found(place, made, tmp_path, where):
    whole = bytearray(made[0].read_bytes())
    whole[int(len(whole) * where) if where > 0 else where] ^= 0x20
    bad = tmp_path / "bad.tar.gz"
    bad.write_bytes(whole)
    said = place.manage("backup", "verify", str(bad), "--json")
    assert said.code == 1
    assert said.document["problems"]
    assert Place(tmp_path / "new").manage("backup", "restore", str(bad)).code == 1
    assert not (tmp_path / "new" / "holdfast.sqlite3").exists()


def test_a_backup_cut_short_is_found(place, made, tmp_path):
    bad = tmp_path / "bad.tar.gz"
    bad.write_bytes(made[0].read_bytes()[:-2000])
    assert place.manage("backup", "verify", str(bad)).code == 1


def test_a_database_that_was_exchanged_is_found(place, made, tmp_path):
    with tarfile.open(made[0]) as tar:
        tar.extractall(tmp_path / "in", filter="data")
    with closing(sqlite3.connect(tmp_path / "in" / "holdfast.sqlite3", isolation_level=None)) as raw:
        raw.execute("DROP TRIGGER audit_no_update")
        raw.execute("UPDATE sessions_app_auditevent SET reason = 'lies'")
    manifest = json.loads((tmp_path / "in" / "manifest.json").read_text())
    bad = tmp_path / "bad.tar.gz"
    with tarfile.open(bad, "w:gz") as tar:
        for name in ("manifest.json", *manifest["members"]):
            tar.add(tmp_path / "in" / name, arcname=name)
    with bad.open("ab") as file:  # sealed again, by somebody who knows how
        file.write(seal(bad, bad.stat().st_size))
    said = place.manage("backup", "verify", str(bad), "--json")
    assert said.code == 1
    assert "SHA-256" in said.document["problems"][0]


def test_what_is_no_backup_is_told_so(place, tmp_path):
    file = tmp_path / "letter.txt"
    file.write_text("dear all")
    said = place.manage("backup", "verify", str(file))
    assert said.code == 1
    assert "Traceback" not in said.err
    assert place.manage("backup", "verify", str(tmp_path / "none")).code == 1
    assert place.manage("backup", "verify").code == 2
    assert place.manage("backup", "burn", "x").code == 2


def test_restoring_into_a_place_with_data_is_refused(place, made, tmp_path):
    before = sorted((p.name, p.read_bytes()) for p in place.path.iterdir() if p.suffix == ".toml")
    said = place.manage("backup", "restore", str(made[0]))
    assert said.code == 1
    assert "not empty" in said.err
    assert sorted((p.name, p.read_bytes()) for p in place.path.iterdir() if p.suffix == ".toml") == before
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    assert Place(other).manage("backup", "restore", str(made[0])).code == 1
    assert (other / "thesis.txt").read_text() == "mine"


def test_the_drill(place, made, tmp_path):
    """docs/backup.md, step by step."""
    there = place.manage("sessions", "list", "--json").document["sessions"]
    new = Place(tmp_path / "new")
    said = new.manage("backup", "restore", str(made[0]), "--json")
    assert (said.code, said.document["ok"]) == (0, True)
    assert new.manage("sessions", "list", "--json").document["sessions"] == there
    assert new.manage("audit", "verify").code == 0
    assert new.manage("doctor").code == 0
    assert (new.path / "secret_key").read_text() == (place.path / "secret_key").read_text()
    assert sorted(p.name for p in new.path.iterdir() if p.name.startswith(".restoring")) == []


def test_postgres_is_sent_to_its_own_tools(place, tmp_path, monkeypatch):
    monkeypatch.setattr(Place, "environment", _with_postgres(Place.environment))
    said = place.manage("backup", str(tmp_path / "x.tar.gz"))
    assert said.code == 1
    assert "pg_dump" in said.err


def _with_postgres(before):
    return lambda self: {**before(self), "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"}


def test_a_server_goes_on_acknowledging_while_it_is_backed_up(empty_place, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    server = Server(empty_place, port)
    try:
        token = empty_place.manage("token", "create", "--user", "admin", "--scopes", "read,write", "--json").document[
            "token"
        ]
        session = empty_place.manage("sessions", "list", "--json").document["sessions"][0]
        acks: list[int] = []
        stop = threading.Event()
        writer = threading.Thread(target=_send_until, args=(server.port, token, session, acks, stop))
        writer.start()
        for number in range(3):
            before = len(acks)
            said = empty_place.manage("backup", str(tmp_path / f"{number}.tar.gz"), "--json")
            assert said.code == 0, said.err
            assert len(acks) > before
            time.sleep(0.1)
        stop.set()
        writer.join(20)
        assert set(acks) == {200}
        for number in range(3):
            checked = empty_place.manage("backup", "verify", str(tmp_path / f"{number}.tar.gz"), "--json")
            assert checked.document["ok"], checked.document
    finally:
        server.stop()


def _send_until(port, token, session, acks, stop):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    number = 0
    while not stop.is_set() and number < 90:  # at most 100 may wait
        number += 1
        body = {
            "sessionKey": session["sessionKey"],
            "sessionId": session["sessionId"],
            "message": f"m{number}",
            "idempotencyKey": f"k{number}",
        }
        connection.request("POST", "/rpc/chat.send", json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        acks.append(answer.status)
        time.sleep(0.05)
    connection.close()
