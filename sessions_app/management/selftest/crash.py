"""The crash drill: a real server, real sockets, an end at a random moment, again and again; then everything is counted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from sessions_app.management.selftest.client import GatewayClient
from sessions_app.management.selftest.ledger import Ledger
from sessions_app.management.selftest.place import DrillFailedError, Place
from sessions_app.management.selftest.receiver import HookReceiver
from sessions_app.management.selftest.traffic import traffic
from sessions_app.management.selftest.verdict import Verdict, verdict

CONVERSATIONS = 4
LONGEST_ROUND_SECONDS = 1.5
LONGEST_START_SECONDS = 1.0
KILL_SHARE = 0.6
RECOVERY_SHARE = 0.2
HOOK_WAIT_SECONDS = 30.0
SETTLE_SECONDS = 30.0


def crash_drill(data_dir: Path, *, rounds: int, seed: int, say: Callable[[str], None]) -> Verdict:
    """Carry out the drill.

    Args:
        data_dir: an empty directory; it is left as it is.
        rounds: how often the server is ended.
        seed: of all chance; the same seed asks for the same moments, which the machine hits more or less.
        say: told about each tenth round.

    Returns:
        The loss report.

    Raises:
        DrillFailedError: the drill itself could not be carried out.
    """
    ledger = Ledger(chance=random.Random(seed))  # noqa: S311 - not for secrets
    with HookReceiver() as receiver:
        place = Place(data_dir, receiver.port)
        keys = _conversations(place)
        for number in range(1, rounds + 1):
            _round(place, keys, ledger)
            if number % 10 == 0:
                say(f"{number} of {rounds} rounds, {len(ledger.acked):,} messages acknowledged")
        _calm_end(place, keys, ledger, receiver)
        audit = json.loads(place.command("audit", "verify", "--json"))
        return verdict(place.database, ledger, receiver.ids, rounds=rounds, audit_ok=audit["ok"])


def _conversations(place: Place) -> list[str]:
    async def create() -> list[str]:
        async with GatewayClient(place.port, place.token) as client:
            made = [
                await client.call("sessions.create", title=f"drill {n}", requestId=uuid.uuid4().hex)
                for n in range(CONVERSATIONS)
            ]
            return [row["sessionKey"] for row in made]

    place.start()
    place.wait_ready()
    keys = asyncio.run(create())
    place.end(signal.SIGTERM)
    return keys


def _round(place: Place, keys: list[str], ledger: Ledger) -> None:
    """Start, talk, end at a random moment; now and then before it is ready, in the middle of recovery."""
    place.start()
    number = signal.SIGKILL if ledger.chance.random() < KILL_SHARE else signal.SIGTERM
    if ledger.chance.random() < RECOVERY_SHARE:
        time.sleep(ledger.chance.random() * LONGEST_START_SECONDS)
        place.end(signal.SIGKILL)
        ledger.kills += 1
        return
    place.wait_ready()
    code = asyncio.run(_talk_until_end(place, keys, ledger, number))
    if number is signal.SIGKILL:
        ledger.kills += 1
    else:
        ledger.terms += 1
        if code != 0:
            ledger.bad_exits.append(code)


async def _talk_until_end(place: Place, keys: list[str], ledger: Ledger, number: signal.Signals) -> int:
    talking = asyncio.create_task(traffic(place.port, place.token, keys, ledger))
    await asyncio.sleep(ledger.chance.random() * LONGEST_ROUND_SECONDS)
    code = await asyncio.to_thread(place.end, number)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(talking, 10)
    return code


def _calm_end(place: Place, keys: list[str], ledger: Ledger, receiver: HookReceiver) -> None:
    """A last life without a crash: what was not answered is sent again, hooks go out, and the server ends by itself."""
    place.start()
    place.wait_ready()

    deadline = time.monotonic() + SETTLE_SECONDS
    while ledger.unsure and time.monotonic() < deadline:  # a queue may be full for a moment
        asyncio.run(traffic(place.port, place.token, keys, ledger, is_last=True))
    code = place.end(signal.SIGTERM)
    ledger.terms += 1
    if code != 0:
        ledger.bad_exits.append(code)
    _wait_for_hooks(place, receiver)


def _wait_for_hooks(place: Place, receiver: HookReceiver) -> None:
    """Hooks of the last end go out on the next start; wait until no more come."""
    place.start()
    place.wait_ready()
    seen, quiet_since = -1, time.monotonic()
    deadline = time.monotonic() + HOOK_WAIT_SECONDS
    while time.monotonic() < deadline and time.monotonic() - quiet_since < 2.0:
        if len(receiver.ids) != seen:
            seen, quiet_since = len(receiver.ids), time.monotonic()
        time.sleep(0.1)
    code = place.end(signal.SIGTERM)
    if code != 0:
        raise DrillFailedError(f"the last, idle server ended with {code}")
