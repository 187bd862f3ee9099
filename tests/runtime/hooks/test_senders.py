"""One attempt at a time: a real receiver, real programs, and no end but the timeout for those that hang."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest

from sessions_app.runtime.hooks.config import CommandSettings, WebhookSettings
from sessions_app.runtime.hooks.letters import DeliveryFailedError, Letter
from sessions_app.runtime.hooks.senders import sender_for
from tests.support.processes import is_gone
from tests.support.receiver import SECRET, Receiver

pytestmark = pytest.mark.asyncio
LETTER = Letter("5c1b0b8e-0000-4000-8000-000000000001", "session_end", {"eventId": "x", "reason": "ünï", "n": 1})


@pytest.fixture
def receiver(monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with Receiver() as made:
        yield made


async def posted(url, **more):
    sender = sender_for(WebhookSettings(kind="webhook", url=url, secret_env="HOOK_SECRET", **more), directory=None)
    try:
        return await sender.send(LETTER)
    finally:
        await sender.aclose()


async def started(tmp_path, *argv, timeout_seconds=60.0):
    settings = CommandSettings(kind="command", argv=list(argv), timeout_seconds=timeout_seconds)
    return await sender_for(settings, directory=tmp_path).send(LETTER)


async def test_a_post_is_signed_and_carries_the_stable_id(receiver):
    assert (await posted(receiver.url)).startswith("127.0.0.1 answered 204 after ")
    (got,) = receiver.got
    assert got.is_signed
    assert got.payload == LETTER.payload
    assert got.headers["x-holdfast-event"] == "session_end"
    assert got.headers["x-holdfast-delivery"] == LETTER.event_id
    assert abs(int(got.headers["x-holdfast-timestamp"]) - time.time()) < 10
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 410, 429, 500, 503])
async def test_anything_but_2xx_is_a_failure_and_no_redirect_is_followed(receiver, status):
    receiver.answer = lambda _: status
    with pytest.raises(DeliveryFailedError, match=f"answered {status}"):
        await posted(receiver.url)
    assert len(receiver.got) == 1


async def test_a_frozen_receiver_costs_the_timeout_and_no_more(receiver):
    receiver.answer = receiver.freeze
    with pytest.raises(DeliveryFailedError, match=r"did not answer within 0\.3 s"):
        await posted(receiver.url, timeout_seconds=0.3)
    assert not receiver.released.is_set()


async def test_an_answer_that_trickles_does_not_stretch_the_timeout(monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)

    left = asyncio.Event()

    async def trickle(_reader, writer):
        try:
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:  # the other side has left
            writer.close()
            left.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(60):  # it would trickle for ever
        with pytest.raises(DeliveryFailedError):
            await posted(f"http://127.0.0.1:{port}/", timeout_seconds=0.5)
        server.close()
        await left.wait()


async def test_nobody_listening_is_a_failure_whose_words_hold_no_query(receiver):
    with pytest.raises(DeliveryFailedError) as failed:
        await posted("http://127.0.0.1:9/x?token=hunter2")
    assert str(failed.value) == "127.0.0.1 could not be asked: ConnectError"


async def test_without_its_secret_nothing_is_sent(receiver, monkeypatch):
    monkeypatch.delenv("HOOK_SECRET")
    with pytest.raises(DeliveryFailedError, match="HOOK_SECRET is not set"):
        await posted(receiver.url)
    assert receiver.got == []


async def test_the_shell_check_of_the_docs_agrees(receiver, tmp_path):
    await posted(receiver.url)
    (got,) = receiver.got
    (tmp_path / "body").write_bytes(got.body)
    script = '{ printf "%s." "$TIMESTAMP"; cat body; } | openssl dgst -sha256 -hmac "$SECRET" -r | cut -d" " -f1'
    environment = {**os.environ, "TIMESTAMP": got.headers["x-holdfast-timestamp"], "SECRET": SECRET}
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", script, cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    )
    said, _ = await shell.communicate()
    assert got.headers["x-holdfast-signature"] == "sha256=" + said.decode().strip()


async def test_a_program_reads_the_event_and_starts_beside_hooks_toml(tmp_path):
    assert (
        await started(tmp_path, "sh", "-c", "cat > got; echo $HOLDFAST_EVENT $HOLDFAST_DELIVERY > names")
        == "ended with 0"
    )
    assert json.loads((tmp_path / "got").read_text()) == LETTER.payload
    assert (tmp_path / "names").read_text().split() == ["session_end", LETTER.event_id]


async def test_argv_is_no_shell(tmp_path):
    await started(tmp_path, "touch", "a; touch b", "$HOME")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["$HOME", "a; touch b"]


async def test_a_program_that_does_not_read_is_fine(tmp_path):
    assert await started(tmp_path, "true") == "ended with 0"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["sh", "-c", "echo oh no >&2; exit 3"], "ended with 3: oh no"),
        (["false"], "ended with 1"),
        (["sh", "-c", "kill -9 $$"], "was ended by signal 9"),
        (["./not-there"], "could not be started: No such file or directory"),
        ([sys.executable, "-c", "import sys; sys.stderr.write('x' * 1_000_000); sys.exit(1)"], "ended with 1: xxx"),
    ],
)
async def test_a_program_that_fails_says_how(tmp_path, argv, words):
    with pytest.raises(DeliveryFailedError) as failed:
        await started(tmp_path, *argv)
    assert str(failed.value).startswith(words)
    assert len(str(failed.value)) < 500


async def test_a_program_that_hangs_is_killed_with_all_it_started(tmp_path):
    with pytest.raises(DeliveryFailedError, match=r"did not end within 3 s and was killed"):
        await started(tmp_path, "sh", "-c", "sleep 600 & echo $! > child; wait", timeout_seconds=3)
    await gone(int((tmp_path / "child").read_text()))


async def test_what_a_program_leaves_running_is_not_waited_for(tmp_path):
    assert await started(tmp_path, "sh", "-c", "sleep 600 & echo $! > child; exit 0") == "ended with 0"
    os.kill(int((tmp_path / "child").read_text()), 9)  # it runs still


async def test_breaking_off_kills_the_program(tmp_path):
    task = asyncio.create_task(started(tmp_path, "sh", "-c", "echo $$ > pid; sleep 60"))
    async with asyncio.timeout(60):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await gone(int((tmp_path / "pid").read_text()))


async def gone(pid):
    """Until it has ended."""
    async with asyncio.timeout(60):
        while not is_gone(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
