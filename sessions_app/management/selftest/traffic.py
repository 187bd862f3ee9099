"""What clients do in a drill: send, reset, restore, all the while; and what they do after a crash: send again what was not answered."""

from __future__ import annotations

import asyncio
import contextlib
import uuid

from sessions_app.management.selftest.client import GatewayClient, GatewayError
from sessions_app.management.selftest.ledger import Ledger
from sessions_app.values import Json

MOVED = {"session_moved", "confirmation_stale", "run_in_flight"}
MOVE_SHARE = 0.15


async def traffic(port: int, token: str, keys: list[str], ledger: Ledger, *, is_last: bool = False) -> None:
    """One client for each conversation, until the server is gone.

    Args:
        port, token: of the server.
        keys: of the conversations.
        ledger: takes down what was asked and answered.
        is_last: only send again what was not answered, then end.
    """
    clients = [_client(port, token, key, ledger, is_last=is_last) for key in keys]
    await asyncio.gather(*clients, return_exceptions=True)


async def _client(port: int, token: str, key: str, ledger: Ledger, *, is_last: bool) -> None:
    with contextlib.suppress(OSError, ConnectionError, TimeoutError):
        async with GatewayClient(port, token) as client:
            session = await _session(client, key)
            for request in [k for k in ledger.unsure if k.startswith(f"{key}|")]:
                session = await _send(client, key, session, request, ledger)
            while not is_last:
                if ledger.chance.random() < MOVE_SHARE:
                    session = await _move(client, key, session, ledger)
                else:
                    request = f"{key}|{uuid.uuid4().hex}"
                    ledger.asked[request] = f"message {request[-8:]}"
                    session = await _send(client, key, session, request, ledger)
                await asyncio.sleep(ledger.chance.random() * 0.02)


async def _send(client: GatewayClient, key: str, session: str, request: str, ledger: Ledger) -> str:
    """Send one message until it is acknowledged or the server is gone; the session may move under us.

    Returns:
        The session that is current as far as we know.
    """
    while True:
        try:
            ack = await client.say(ledger.asked[request], sessionKey=key, sessionId=session, idempotencyKey=request)
        except GatewayError as error:
            if error.code == "session_moved":
                session = error.details["newSessionId"]
                request = _renamed(request, ledger)
                continue
            if error.code in {"queue_full", "draining", "storage_unavailable"}:
                await asyncio.sleep(0.05)
                return session
            raise
        ledger.acked[request] = (ack["sessionId"], ack["entrySeq"])
        return session


def _renamed(request: str, ledger: Ledger) -> str:
    """A refused message was not stored: to send it into another session is another request."""
    text = ledger.asked.pop(request)
    fresh = f"{request.rsplit('|', 1)[0]}|{uuid.uuid4().hex}"
    ledger.asked[fresh] = text
    return fresh


async def _move(client: GatewayClient, key: str, session: str, ledger: Ledger) -> str:
    """Reset, or restore the newest archive."""
    try:
        if ledger.chance.random() < 0.5:
            return await _reset(client, key, ledger)
        archives = (await client.call("archives.list", sessionKey=key, limit=1))["archives"]
        if not archives:
            return session
        answer = await client.call(
            "archives.restore",
            sessionKey=key,
            sessionId=archives[0]["sessionId"],
            expectedCurrentSessionId=session,
            requestId=uuid.uuid4().hex,
            stopRun=True,
        )
        ledger.restores.append((answer["oldSessionId"], answer["newSessionId"]))
        return str(answer["newSessionId"])
    except GatewayError as error:
        if error.code not in MOVED | {"draining"}:
            raise
        return await _session(client, key)


async def _reset(client: GatewayClient, key: str, ledger: Ledger) -> str:
    preview = await client.call("sessions.reset.preview", sessionKey=key)
    answer = await client.call(
        "sessions.reset",
        sessionKey=key,
        sessionId=preview["sessionId"],
        confirmation=preview["token"],
        requestId=uuid.uuid4().hex,
        stopRun=True,
    )
    ledger.resets.append((answer["oldSessionId"], answer["newSessionId"]))
    return str(answer["newSessionId"])


async def _session(client: GatewayClient, key: str) -> str:
    row: Json = await client.call("sessions.get", sessionKey=key)
    return str(row["sessionId"])
