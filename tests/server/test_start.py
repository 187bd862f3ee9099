"""What keeps a server from starting is named, and leaves the other one alone."""

from __future__ import annotations

import socket

import pytest

from tests.support.client import GatewayClient
from tests.support.server import Server, free_port

pytestmark = pytest.mark.e2e


def refused(server, **more):
    process = server.spawn(**more)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.asyncio
async def test_a_second_server_on_the_place_is_refused_with_the_pid_of_the_first(server, token):
    async with GatewayClient(server.port, token) as client:
        code, out, err = refused(server, port=free_port())
        assert code == 5
        assert f"process {server.pid}, on 127.0.0.1 port {server.port}" in err
        assert "ready" not in out
        assert await client.say("still here")
    assert server.stop() == 0


def test_after_a_kill_the_place_is_free_at_once(server):
    for _ in range(2):
        server.kill()
        server.start()
    assert server.stop() == 0


def test_a_busy_port_is_named_and_nothing_is_left_locked(tmp_path):
    server = Server(tmp_path / "data")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", server.port))
        taken.listen()
        code, _, err = refused(server)
    assert code == 6
    assert f"port {server.port}" in err
    assert "Traceback" not in err
    with server:
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("agents", "where"),
    [
        ('[agents.main]\nbackend = "demo"\npace = 3\n', "agents.toml line 3: agents.main.pace"),
        ('[agents.main]\nbackend = "telepathy"\n', "agents.toml line 2: agents.main.backend"),
        ("[agents.main\n", "agents.toml line 1"),
        ("[hello]\n", "agents.toml line 1: hello"),
    ],
)
def test_a_mistake_in_agents_toml_is_named_by_line_and_key(tmp_path, agents, where):
    server = Server(tmp_path / "data", agents=agents)
    code, out, err = refused(server)
    assert code == 1
    assert where in err
    assert "ready" not in out
    (server.data_dir / "agents.toml").write_text('[agents.main]\nbackend = "demo"\n', encoding="utf-8")
    with server:
        assert server.stop() == 0


def test_the_port_opens_only_when_everything_is_ready(tmp_path):
    server = Server(tmp_path / "data")
    process = server.spawn()
    try:
        for line in process.stdout:
            if "is ready on" in line:
                break
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", server.port)) != 0
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", server.port)) == 0
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0
