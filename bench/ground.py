"""The ground a case stands on: temporary data directories on a real disk, servers on their own core, and the floor beside them.

Everything listens on loopback only and is stopped when its block ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import disk, machine
from sessions_app.runtime.open_files import open_files_allow

ROOT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 40
RATE_LIMITS = "*=100000000/minute"  # counted as ever, never reached
_TICKS = os.sysconf("SC_CLK_TCK")

DEMO = '[agents.main]\nbackend = "demo"\npace_seconds = 0\n'
OPENAI = '[agents.main]\nbackend = "openai"\nbase_url = "{url}"\nmodel = "test"\n'


@dataclass(frozen=True, slots=True)
class Place:
    """A data directory with rows in it; `conversations` has {sessionKey, sessionId}, the one with the entries first."""

    directory: Path
    token: str
    conversations: list[dict[str, str]]

    def agent(self, toml: str) -> None:
        """Say what answers here."""
        (self.directory / "agents.toml").write_text(toml, encoding="utf-8")


@dataclass(slots=True)
class Running:
    """A process that serves; `is_ended` once a case has ended it."""

    process: subprocess.Popen[str]
    port: int
    ready_seconds: float
    is_ended: bool = False

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal that ends it."""
        self.is_ended = True
        self.process.send_signal(number)

    def cpu_seconds(self) -> float:
        """Processor time it has used."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / _TICKS

    def resident_bytes(self) -> int:
        """Memory it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


@dataclass
class Ground:
    """Shared by the cases of one run.

    Attributes:
        quick: a smoke run: small places, short rounds, numbers that mean little.
        base: directory for everything, on a real disk.
    """

    quick: bool
    base: Path
    _places: dict[tuple[int, int, int, bool], Place] = field(default_factory=dict)

    def few(self, whole: int, quick: int) -> int:
        """A number that is smaller in a smoke run."""
        return quick if self.quick else whole

    def floor(self, seconds: float = 0.3) -> list[float]:
        """Raw appends with a flush each, on the disk of the data directories; seconds each."""
        return disk.appends(self.base, 0.05 if self.quick else seconds)

    def place(self, conversations: int, entries: int, each: int = 2, *, words: bool = False) -> Place:
        """A filled data directory; made once in a run."""
        wanted = (conversations, entries, each, words)
        known = self._places.get(wanted)
        return known or self._places.setdefault(wanted, self.fresh(conversations, entries, each, words=words))

    def fresh(self, conversations: int = 1, entries: int = 0, each: int = 2, *, words: bool = False) -> Place:
        """A filled data directory that nobody else uses; with `words` its texts differ and can be searched."""
        directory = Path(tempfile.mkdtemp(prefix="place-", dir=self.base))
        numbers = {"--conversations": conversations, "--entries": entries, "--each": each}
        line = [word for name, number in numbers.items() for word in (name, str(number))]
        made = subprocess.run(
            [sys.executable, "-m", "bench.seed", *line, *(["--words"] if words else [])],
            env=_environment(HOLDFAST_DATA_DIR=str(directory)),
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        facts = json.loads(made.stdout)
        return Place(directory, facts["token"], facts["conversations"])

    @contextlib.contextmanager
    def serving(self, place: Place, *, runner: bool = False, agent: str = DEMO, **settings: str) -> Iterator[Running]:
        """`manage.py serve` over a place; without `runner` nothing answers. `settings` are more of its environment."""
        place.agent(agent)
        port = _free_port()
        # the log stays in the place: a case that fails can be looked into
        environment = _environment(
            HOLDFAST_DATA_DIR=str(place.directory), HOLDFAST_RUNNER=str(runner).lower(), **settings
        )
        command = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(port)]
        began = time.perf_counter()
        with (place.directory / "bench.log").open("a", encoding="utf-8") as log:
            process = _started(command, environment, log)
        with _stopped_after(process):
            line = _first_line(process, "is ready")
            running = Running(process, port, time.perf_counter() - began)
            yield running
            assert running.is_ended or process.poll() is None, f"the server ended by itself: {line}"

    def sign_in_path(self, place: Place) -> str:
        """A fresh one-time link of a place's administrator."""
        command = [sys.executable, str(ROOT / "manage.py"), "signin_link", "admin", "--data-dir", str(place.directory)]
        printed = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True).stdout
        return "/signin/link/" + printed.partition("/signin/link/")[2].split()[0]

    @contextlib.contextmanager
    def echoing(self) -> Iterator[Running]:
        """The bare echo over the same server stack, on the server's core."""
        began = time.perf_counter()
        process = _started([sys.executable, "-m", "bench.echo"], _environment(), subprocess.DEVNULL)
        with _stopped_after(process):
            port = int(_first_line(process, ""))
            yield Running(process, port, time.perf_counter() - began)

    @contextlib.contextmanager
    def model_server(self) -> Iterator[str]:
        """The tests' model server, answering at once, on the client's core; its base URL."""
        command = [sys.executable, "-m", "tests.support.model_server", "--instant"]
        process = _started(command, _environment(), subprocess.DEVNULL, is_server=False)
        with _stopped_after(process):
            yield _first_line(process, "http").strip()


@contextlib.contextmanager
def ground(*, quick: bool) -> Iterator[Ground]:
    """Ground for one run, cleared away at its end."""
    base = Path(tempfile.mkdtemp(prefix="holdfast-bench-", dir=_real_disk()))
    open_files_allow()
    pinned = machine.cores_at_start
    machine.pin(pinned[1] if pinned else None)
    try:
        yield Ground(quick, base)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _real_disk() -> Path:
    """HOLDFAST_BENCH_DIR, or the first usual place that is no memory."""
    wanted = [Path(os.environ["HOLDFAST_BENCH_DIR"])] if os.environ.get("HOLDFAST_BENCH_DIR") else []
    usual = [Path(tempfile.gettempdir()), Path("/var/tmp"), ROOT]
    for path in wanted or usual:
        if machine.file_system(path)[1] not in machine.IN_MEMORY and os.access(path, os.W_OK):
            return path
    raise SystemExit("No directory on a real disk was found. Name one in HOLDFAST_BENCH_DIR.")


def _environment(**more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HOLDFAST_", "DATABASE_URL", "REDIS_"))
    }
    return {**kept, "PYTHONUNBUFFERED": "1", "HOLDFAST_RATE_LIMITS": RATE_LIMITS, **more}


def _started(
    command: list[str], environment: dict[str, str], log: Any, *, is_server: bool = True
) -> subprocess.Popen[str]:
    """A process on its core, in a session of its own, so that Ctrl-C is ours to pass on."""
    pinned = machine.cores_at_start
    core = pinned[0 if is_server else 1] if pinned else None
    return subprocess.Popen(
        command,
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: machine.pin(core),  # noqa: PLW1509 - no thread is running here
    )


def _first_line(process: subprocess.Popen[str], wanted: str) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if wanted not in line or not line:
        raise RuntimeError(f"{process.args!r} did not start: {line!r}")
    return line


@contextlib.contextmanager
def _stopped_after(process: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
