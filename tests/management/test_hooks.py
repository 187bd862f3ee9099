"""Hooks from outside: a real server that is killed and stopped, a real receiver, and `manage.py hooks`."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
import uuid

import pytest

from tests.management.conftest import ROOT, Place
from tests.support.client import GatewayClient
from tests.support.receiver import SECRET, Receiver

pytestmark = pytest.mark.e2e
WEB = '[subscribers.web]\nkind = "webhook"\nurl = "{url}"\nsecret_env = "HOOK_SECRET"\n'
EVENTS = 'events = ["session_start", "session_end", "before_reset", "run_end"]\n'


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Server:
    """A running server; stopped by the test."""

    def __init__(self, place: Place) -> None:
        self.port = free_port()
        command = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(
            command, env=place.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        first = self.process.stdout.readline()
        assert f"port {self.port}" in first, first + self.process.stderr.read()

    def ended(self, number: int) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=50)  # less than a frozen receiver stays frozen
        return self.process.returncode


@pytest.fixture
def receiver(monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with Receiver() as made:
        yield made


@pytest.fixture
def hooked(empty_place, receiver):
    """A place whose hooks.toml names the receiver, and a token for it."""
    assert empty_place.manage("sessions", "list").code == 0
    (empty_place.path / "hooks.toml").write_text(WEB.format(url=receiver.url) + EVENTS)
    agents = empty_place.path / "agents.toml"
    agents.write_text('[agents.main]\nbackend = "demo"\npace_seconds = 0\n')
    return empty_place


@pytest.fixture
def token(hooked):
    made = hooked.manage("token", "create", "--user", "admin", "--scopes", "read,write,admin", "--json")
    return made.document["token"]


@pytest.fixture
def start(hooked):
    started = []

    def begin():
        started.append(Server(hooked))
        return started[-1]

    yield begin
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def talk(port, token, *, reset=False, restore=None):
    """One answered message; then a reset, or a restore of a session before the message."""

    async def go():
        async with GatewayClient(port, token) as client:
            key, session = client.key, client.session
            if restore:
                there = {"sessionKey": key, "sessionId": restore, "expectedCurrentSessionId": session}
                session = (await client.call("archives.restore", **there, requestId=uuid.uuid4().hex))["newSessionId"]
            await client.say("hello", sessionId=session)
            async with asyncio.timeout(60):
                while not any(m.get("state") == "final" for m in await _runs(client, key, session)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            if reset:
                preview = await client.call("sessions.reset.preview", sessionKey=key)
                there = {"sessionKey": key, "sessionId": session, "confirmation": preview["token"]}
                await client.call("sessions.reset", **there, requestId=uuid.uuid4().hex)
            return session

    return asyncio.run(go())


async def _runs(client, key, session):
    """What the newest answer's entry says, once its entry is the newest of the transcript."""
    page = await client.call("chat.history", sessionKey=key, sessionId=session, limit=1)
    return [entry["data"] for entry in page["entries"] if entry["role"] == "assistant"]


def open_and_shut(told):
    """Starts and ends by session, in the order in which they first came; what came twice counts once."""
    by_id = {payload["eventId"]: payload for payload in told}
    lives: dict[str, list[str]] = {}
    for payload in by_id.values():
        if payload["type"] in {"session_start", "session_end"}:
            word = f"{payload['type'].removeprefix('session_')} {payload['reason']}"
            lives.setdefault(payload["sessionId"], []).append(word)
    return list(lives.values())


def test_every_start_has_exactly_one_end_over_reset_restore_kill_and_stop(hooked, receiver, start, token):
    server = start()
    first = talk(server.port, token, reset=True)
    talk(server.port, token)
    assert server.ended(signal.SIGKILL) == -signal.SIGKILL
    server = start()
    talk(server.port, token, restore=first)
    assert server.ended(signal.SIGTERM) == 0
    server = start()  # what the stop had no time for
    rows = hooked.manage("hooks", "list", "--json").document
    end = time.monotonic() + 60
    while any(s["pending"] for s in rows["subscribers"]) and time.monotonic() < end:
        time.sleep(0.1)
        rows = hooked.manage("hooks", "list", "--json").document
    assert rows["subscribers"] == [
        {"subscriber": "web", "pending": 0, "retrying": 0, "dead": 0, "oldestPendingAt": None, "configured": "told"}
    ]
    told = receiver.told()
    assert sorted(open_and_shut(told)) == [  # sessions do not wait for each other
        ["start new", "end reset", "start restore", "end shutdown"],
        ["start reset", "end crash"],
    ]
    assert {payload["eventId"] for payload in told} == {row["eventId"] for row in rows["deliveries"]}
    assert [payload["inferred"] for payload in told if payload.get("reason") == "crash"] == [True]
    assert all(got.is_signed for got in receiver.got)


def test_what_a_killed_server_had_not_delivered_goes_out_after_the_next_start(hooked, receiver, start, token):
    receiver.answer = receiver.freeze
    server = start()
    talk(server.port, token)
    receiver.wait_for(1)
    server.ended(signal.SIGKILL)
    receiver.released.set()
    receiver.answer = lambda _: 204
    start()
    told = receiver.wait_for(4)
    assert told[0]["eventId"] == told[1]["eventId"]  # at least once, with its id
    assert [payload["type"] for payload in told[1:]] == ["session_start", "run_end", "session_end"]


def test_a_frozen_subscriber_holds_the_exit_for_its_bound_only(hooked, receiver, start, token, monkeypatch):
    monkeypatch.setenv("HOLDFAST_HOOK_DRAIN_SECONDS", "1")
    receiver.answer = receiver.freeze
    server = start()
    talk(server.port, token)
    receiver.wait_for(1)
    assert server.ended(signal.SIGTERM) == 0
    pending = hooked.manage("hooks", "list", "--state", "pending", "--json").document["deliveries"]
    assert sorted(row["type"] for row in pending) == ["run_end", "session_end", "session_start"]


def test_a_mistake_in_hooks_toml_stops_the_start_and_says_where(hooked):
    (hooked.path / "hooks.toml").write_text('[subscribers.web]\nkind = "webhook"\nurl = "x"\n')
    said = hooked.manage("serve", "--port", str(free_port()))
    assert said.code == 1
    assert 'hooks.toml line 3: subscribers.web.url: must be a URL like "https://example.org/holdfast"' in said.err
    assert "hooks.toml line 1: subscribers.web.secret_env: missing" in said.err


def test_a_subscriber_can_be_tried(hooked, receiver):
    said = hooked.manage("hooks", "test", "web", "--json")
    (got,) = receiver.got
    assert got.is_signed
    assert said.code == 0
    assert got.payload | {"at": ""} == {
        "eventId": said.document["eventId"],
        "type": "test",
        "at": "",
        "subscriber": "web",
    }
    receiver.answer = lambda _: 500
    said = hooked.manage("hooks", "test", "web")
    assert (said.code, said.out, said.err.strip()) == (1, "", "web: 127.0.0.1 answered 500.")
    said = hooked.manage("hooks", "test", "nobody", "--json")
    assert (said.code, said.document["error"]["code"]) == (1, "not_found")
    assert "There now: web." in said.err


def test_dead_ones_are_listed_and_sent_again_from_the_command_line(hooked, receiver, start, token):
    path = hooked.path / "hooks.toml"
    path.write_text(path.read_text() + "max_attempts = 1\n")
    receiver.answer = lambda _: 500
    server = start()
    talk(server.port, token)
    receiver.wait_for(2)
    end = time.monotonic() + 60
    while len(dead := hooked.manage("hooks", "list", "--state", "dead", "--json").document["deliveries"]) < 2:
        assert time.monotonic() < end
    text = hooked.manage("hooks", "list").out
    assert "127.0.0.1 answered 500" in text
    receiver.answer = lambda _: 204
    said = hooked.manage("hooks", "redeliver", str(dead[0]["deliveryId"]), "--json")
    assert said.document == {"redelivered": 1}
    assert receiver.wait_for(3)[2]["eventId"] == dead[0]["eventId"]  # the running server finds it by itself
    assert hooked.manage("hooks", "redeliver", "--dead").out.strip() == "1 on the way again, when a server runs."
    receiver.wait_for(4)
    audited = [json.loads(line) for line in hooked.manage("audit", "export").out.splitlines()]
    assert [row["trigger"] for row in audited if row["type"] == "hook.redelivered"] == ["cli", "cli"]
    assert hooked.manage("hooks", "redeliver").code == 1
    server.ended(signal.SIGTERM)
