"""A real server process on a free port with a data directory of its own: started, asked, stopped, killed, started again.

In a test:

    with Server(tmp_path / "data", agents=agents_toml(model.base_url)) as server:
        token = server.token()
        async with GatewayClient(server.port, token) as client:
            ...
        assert server.stop() == 0
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60
STOP_SECONDS = 40


class Server:
    """One place, and the process that serves it. A context manager; nothing of it is left behind.

    Args:
        data_dir: made if it is not there; survives restarts.
        agents: the text of agents.toml; the built-in demo without.
        environment: more of it for the server.
    """

    def __init__(self, data_dir: Path, *, agents: str = "", environment: dict[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.environment = dict(environment or {})
        self.process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []
        self.problems: list[str] = []
        self._readers: list[threading.Thread] = []
        data_dir.mkdir(mode=0o700, exist_ok=True)
        if agents:
            (data_dir / "agents.toml").write_text(agents, encoding="utf-8")

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self.process is not None
        return self.process.pid

    def start(self, **environment: str) -> None:
        """Start the process and wait until it says that it is ready.

        Raises:
            AssertionError: it ended instead, or took too long; the words are what it printed.
        """
        self.process = self.spawn(environment=environment)
        self.lines, self.problems, ready = [], [], threading.Event()
        streams = ((self.process.stdout, self.lines), (self.process.stderr, self.problems))
        self._readers = [threading.Thread(target=_read, args=(*each, ready), daemon=True) for each in streams]
        for reader in self._readers:
            reader.start()
        until = time.monotonic() + READY_SECONDS
        while not any("is ready on" in line for line in list(self.lines)):
            if self.process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise AssertionError("the server was not ready:\n" + "".join(self.lines + self.problems))
            ready.wait(0.05)
            ready.clear()

    def spawn(self, *, port: int | None = None, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `serve` on this place and wait for nothing."""
        command = [
            sys.executable,
            "manage.py",
            "serve",
            "--port",
            str(port or self.port),
            "--data-dir",
            str(self.data_dir),
        ]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**_environment(), **self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def terminate(self) -> None:
        """Ask it to stop, as a service manager does."""
        assert self.process is not None
        self.process.terminate()

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None
        code = self.process.wait(timeout=STOP_SECONDS)
        for reader in self._readers:
            reader.join(STOP_SECONDS)
        return code

    def stop(self) -> int:
        """Stop it in peace; its exit code."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        """Stop it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.wait()

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command on this place."""
        return subprocess.run(
            [sys.executable, "manage.py", *words, "--data-dir", str(self.data_dir)],
            cwd=ROOT,
            env={**_environment(), **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def token(self, username: str = "admin", scopes: str = "read,write,admin") -> str:
        """A fresh token for a program."""
        done = self.manage("token", "create", "--user", username, "--scopes", scopes, "--json")
        assert done.returncode == 0, done.stderr
        return str(json.loads(done.stdout)["token"])

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What is stored, read past the server."""
        with sqlite3.connect(f"file:{self.data_dir / 'holdfast.sqlite3'}?mode=ro", uri=True, timeout=20) as stored:
            found = stored.execute(sql, values).fetchall()
        stored.close()
        return found

    def memory_bytes(self) -> int:
        """What the process holds in memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def agents_toml(base_url: str) -> str:
    """A configuration whose `main` talks to a model server."""
    return f'[agents.main]\nbackend = "openai"\nbase_url = "{base_url}"\nmodel = "test"\n'


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    """What a shell would have: nothing the tests themselves run under."""
    foreign = ("HOLDFAST_", "DJANGO_", "DATABASE_", "TEST_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _read(stream: Any, kept: list[str], ready: threading.Event) -> None:
    with stream:
        for line in stream:
            kept.append(line)
            ready.set()
    ready.set()
