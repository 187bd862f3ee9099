"""A data directory of the drill's own, and the real server on it, started and killed as often as wanted."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings

READY_SECONDS = 30.0
STOP_SECONDS = 60.0
AGENTS = '[agents.main]\nbackend = "demo"\n'
SECRET_VARIABLE = "DRILL_HOOK_SECRET"  # noqa: S105 - its name
SHORT = {"HOLDFAST_DRAIN_SECONDS": "1", "HOLDFAST_HOOK_DRAIN_SECONDS": "2"}
HOOKS = '[subscribers.drill]\nkind = "webhook"\nurl = "http://127.0.0.1:{port}/"\nsecret_env = "DRILL_HOOK_SECRET"\nevents = ["session_start", "session_end"]\n'


class DrillFailedError(Exception):
    """The drill could not be carried out; says nothing about losses."""


class Place:
    """Where the drill takes place.

    Args:
        data_dir: an empty directory.
        hook_port: where hooks are received, on 127.0.0.1.
    """

    def __init__(self, data_dir: Path, hook_port: int) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.database = data_dir / "holdfast.sqlite3"
        self._server: subprocess.Popen[str] | None = None
        data_dir.chmod(0o700)
        (data_dir / "agents.toml").write_text(AGENTS, encoding="utf-8")
        (data_dir / "hooks.toml").write_text(HOOKS.format(port=hook_port), encoding="utf-8")
        created = self.command(
            "token", "create", "--user", "admin", "--name", "drill", "--scopes", "read,write,admin", "--json"
        )
        self.token: str = json.loads(created)["token"]

    def command(self, *words: str) -> str:
        """Run a management command on this place.

        Returns:
            What it printed.

        Raises:
            DrillFailedError: it ended with another number than 0.
        """
        done = subprocess.run(self._line(*words), capture_output=True, text=True, env=_environment(), check=False)  # noqa: S603
        if done.returncode:
            raise DrillFailedError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def start(self) -> None:
        """Start the server; returns while it starts."""
        line = self._line("serve", "--port", str(self.port))
        log = (self.data_dir / "serve.log").open("a", encoding="utf-8")
        with log:
            self._server = subprocess.Popen(line, stdout=log, stderr=log, text=True, env=_environment())  # noqa: S603

    def wait_ready(self) -> None:
        """Wait until the port is open.

        Raises:
            DrillFailedError: the server ended, or took too long.
        """
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._server is None or self._server.poll() is not None:
                raise DrillFailedError(f"the server ended while it started; see {self.data_dir / 'serve.log'}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise DrillFailedError(f"the server was not ready after {READY_SECONDS:.0f} s")

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end.

        Returns:
            The exit code; negative for a signal.
        """
        assert self._server is not None
        self._server.send_signal(number)
        try:
            return self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
            raise DrillFailedError(f"the server did not end within {STOP_SECONDS:.0f} s of {number.name}") from None

    def _line(self, *words: str) -> list[str]:
        return [sys.executable, str(settings.BASE_DIR / "manage.py"), *words, "--data-dir", str(self.data_dir)]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """The caller's, without what would lead to the caller's own place."""
    ours = {"DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_") and name not in ours}
    return {**kept, **SHORT, SECRET_VARIABLE: secrets.token_hex(16)}
