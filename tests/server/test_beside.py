"""Commands beside a running server: what they do reaches every open socket, by whatever way it was done."""

from __future__ import annotations

import json

import pytest

from tests.support.client import GatewayClient, GatewayError

pytestmark = [pytest.mark.asyncio, pytest.mark.e2e]


async def test_a_reset_at_the_command_line_reaches_an_open_socket(server, token):
    async with GatewayClient(server.port, token) as client:
        await client.say("before")
        await client.until("chat", state="final")
        done = server.manage("sessions", "reset", client.key, "--yes", "--json", "--reason", "night shift")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        told = (await client.until("session.reset"))["payload"]
        assert (told["oldSessionId"], told["newSessionId"]) == (client.session, answer["newSessionId"])
        assert (told["actor"], told["trigger"], told["reason"]) == ("admin", "cli", "night shift")
        with pytest.raises(GatewayError) as caught:
            await client.say("for the old one")
        assert caught.value.code == "session_moved"
        assert caught.value.details["newSessionId"] == answer["newSessionId"]
        back = server.manage("sessions", "restore", client.key, client.session, "--json")
        assert back.returncode == 0, back.stderr
        assert (await client.until("session.restored"))["payload"]["newSessionId"] == client.session
        assert (await client.say("for the one that came back"))["sessionId"] == client.session
        assert (await client.call("audit.verify"))["ok"]


async def test_a_token_that_is_revoked_at_the_command_line_is_hung_up_on(server, token):
    other = json.loads(server.manage("token", "create", "--user", "admin", "--scopes", "read", "--json").stdout)
    async with GatewayClient(server.port, token) as stays, GatewayClient(server.port, other["token"]) as gone:
        done = server.manage("token", "revoke", str(other["tokenId"]))
        assert done.returncode == 0, done.stderr
        await gone.socket.wait_closed()
        assert gone.socket.close_code == 4401
        assert await stays.call("sessions.list")
