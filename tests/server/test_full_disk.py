"""A disk that is full: what cannot be made durable is refused and not acknowledged, and when there is room again all goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import GatewayClient, GatewayError
from tests.support.server import Server

pytestmark = [pytest.mark.asyncio, pytest.mark.e2e]
DISK_BYTES = 24 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that holds 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(place)]
    if not mounted or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs root and leave to mount a tmpfs")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(place: Path) -> Path:
    """Take all the room there is."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1024 * 1024, 4096, 512):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


async def test_a_write_the_disk_cannot_hold_is_refused_and_nothing_acknowledged_is_lost(small_disk: Path) -> None:
    with Server(
        small_disk / "data", environment={"HOLDFAST_RUNNER": "false", "HOLDFAST_RATE_LIMITS": "*=1000000/minute"}
    ) as server:
        async with GatewayClient(server.port, server.token()) as client:
            place = (await client.call("sessions.list"))["sessions"][0]
            stored: dict[str, str] = {}

            async def say(words: str) -> None:
                target = {"sessionKey": place["sessionKey"], "sessionId": place["sessionId"]}
                key = uuid.uuid4().hex
                answer = await client.call("chat.send", **target, message=words, idempotencyKey=key)
                stored[words] = answer["entrySeq"]

            for number in range(5):
                await say(f"before {number}")
            ballast = _fill(small_disk)
            refusals = []
            for number in range(8):
                try:
                    await say(f"while full {number} " + "x" * 60_000)
                except GatewayError as error:
                    refusals.append(error.code)
            assert refusals
            assert set(refusals) == {"storage_unavailable"}
            ballast.unlink()
            for number in range(5):
                await say(f"after {number}")
            page = await client.call("chat.history", sessionKey=place["sessionKey"], limit=200)
            assert {entry["text"]: entry["seq"] for entry in page["entries"] if entry["role"] == "user"} == stored
        assert server.stop() == 0
        server.start()  # what is on the disk is whole
        async with GatewayClient(server.port, server.token()) as client:
            page = await client.call("chat.history", sessionKey=place["sessionKey"], limit=200)
            assert {entry["text"]: entry["seq"] for entry in page["entries"] if entry["role"] == "user"} == stored
        assert server.stop() == 0
