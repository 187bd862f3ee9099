"""One attempt to tell a program: it is started, and killed at the timeout with all it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from sessions_app.runtime.hooks.config import CommandSettings
from sessions_app.runtime.hooks.letters import DeliveryFailedError, Letter

STDERR_KEPT_BYTES = 400
_KILLED_SECONDS = 1.0


class CommandSender:
    """Starts a program without a shell, the event as JSON on its standard input. Exit 0 is success.

    It leads a process group of its own, which is killed at the timeout: what it started ends with it.

    Args:
        settings: of the subscriber.
        directory: where it starts; None for where the server runs.
    """

    def __init__(self, settings: CommandSettings, directory: Path | None) -> None:
        self._settings = settings
        self._directory = directory

    async def send(self, letter: Letter) -> str:
        """See `Sender.send`."""
        seconds = self._settings.timeout_seconds
        errors = _Tail()
        try:
            process = await self._start(letter, errors)
            try:
                async with asyncio.timeout(seconds):
                    code = await process.wait()
            finally:
                await _killed(process)
        except TimeoutError as error:
            raise DeliveryFailedError(f"did not end within {seconds:g} s and was killed") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise DeliveryFailedError(f"could not be started: {reason}") from error
        finally:
            said = errors.close()
        if code != 0:
            how = f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
            raise DeliveryFailedError(f"{how}: {said}" if said else how)
        return "ended with 0"

    async def aclose(self) -> None:
        """See `Sender.aclose`."""

    async def _start(self, letter: Letter, errors: _Tail) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *self._settings.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors.write_end,
            cwd=self._directory,
            env={**os.environ, "HOLDFAST_EVENT": letter.type, "HOLDFAST_DELIVERY": letter.event_id},
            start_new_session=True,
        )
        errors.listen()
        assert process.stdin is not None
        with contextlib.suppress(ConnectionError):  # it may not want to know
            process.stdin.write(letter.body)
            process.stdin.close()
        return process


class _Tail:
    """The last words of a program's standard error, by a pipe of our own: asyncio's would wait for whatever it left running."""

    def __init__(self) -> None:
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._kept = b""
        self._loop = asyncio.get_running_loop()

    def listen(self) -> None:
        """Begin to read; our copy of the writing end is not needed any more."""
        os.close(self.write_end)
        self.write_end = -1
        self._loop.add_reader(self._read_end, self._read)

    def close(self) -> str:
        """Stop reading; what was said, on one line."""
        if self.write_end >= 0:
            os.close(self.write_end)
        else:
            self._loop.remove_reader(self._read_end)
            self._read()
        os.close(self._read_end)
        return " ".join(self._kept.decode("utf-8", "replace").split())

    def _read(self) -> None:
        try:
            chunk = os.read(self._read_end, 65536)
        except BlockingIOError:
            return
        if not chunk:
            self._loop.remove_reader(self._read_end)
        self._kept = (self._kept + chunk)[-STDERR_KEPT_BYTES:]


async def _killed(process: asyncio.subprocess.Process) -> None:
    """End a program that has not ended, and all it started."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_KILLED_SECONDS):
            await process.wait()
