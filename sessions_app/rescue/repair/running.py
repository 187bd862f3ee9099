"""Whether the program itself may be running on a directory: a lock of a living process, or an answer at its port."""

from __future__ import annotations

import json
import os
import re
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from sessions_app.rescue.locks import lock_is_live, process_lives
from sessions_app.rescue.places import opened
from sessions_app.rescue.repair.place import Place

CONFIG = "openclaw.json"
DEFAULT_PORT = 18789
_PORT = re.compile(r"""\bgateway\b["']?\s*:\s*\{[^{}]*?\bport["']?\s*:\s*(\d+)""")
_CONFIG_MAX_BYTES = 4 << 20
_LOCK_MAX_BYTES = 1 << 16
_ANSWER_SECONDS = 0.5


def state_directory(sessions: Path) -> Path:
    """The state directory a sessions directory, or one below it, belongs to: itself, when it lies nowhere like that."""
    for each in (sessions, *sessions.parents):
        if each.name == "sessions" and len(each.parents) > 2 and each.parent.parent.name == "agents":
            return each.parents[2]
    return sessions


def signs_of_life(state: Path, places: list[Place]) -> list[str]:
    """What speaks for a running gateway, in words; empty when nothing does.

    Args:
        state: the state directory, whose configuration names the port.
        places: directories whose locks are looked at.
    """
    found = []
    for place in places:
        found += [f"{place.path / name} is held by a living process" for name in sorted(locks_of(place, are_live=True))]
    found += [f"process {pid} is a gateway that holds {lock}" for lock, pid in _gateways(state)]
    port = port_of(state)
    if port is not None and _answers(port):
        found.append(f"something answers at port {port}, which {CONFIG} gives to the gateway")
    return found


def _gateways(state: Path) -> list[tuple[Path, int]]:
    """Locks of gateways, whatever their port, that name the configuration of a directory, and their living processes.

    From 2026.4 on a gateway keeps `gateway.<hash>.lock` in a directory of its user below the temporary one.
    """
    found = []
    for lock in sorted(Path(tempfile.gettempdir()).glob("openclaw*/gateway*.lock")):
        with suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
            with opened(str(lock)) as stream:
                said = json.loads(stream.read(_LOCK_MAX_BYTES))
            if Path(said["configPath"]).parent.resolve() == state.resolve() and process_lives(said["pid"]):
                found.append((lock, said["pid"]))
    return found


def locks_of(place: Place, *, are_live: bool) -> list[str]:
    """The write locks of a directory that a living process holds, or those that none does."""
    found = []
    for name in place.names():
        facts = place.facts(name) if name.endswith(".lock") else None
        if facts is not None and lock_is_live(os.fsencode(place.path / name), facts.st_mtime) is are_live:
            found.append(name)
    return sorted(found)


def port_of(state: Path) -> int | None:
    """The port the configuration names; the program's own default when it names none; None without a configuration."""
    try:
        with opened(str(state / CONFIG)) as stream:
            text = stream.read(_CONFIG_MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    port = None
    with suppress(ValueError, RecursionError, AttributeError, TypeError):
        port = json.loads(text).get("gateway", {}).get("port")
    match = _PORT.search(text) if port is None else None
    port = int(match[1][:6]) if match else port
    if not isinstance(port, int) or isinstance(port, bool):
        port = DEFAULT_PORT
    return port if 0 < port < 65536 else None


def _answers(port: int) -> bool:
    for host in ("127.0.0.1", "::1"):
        with suppress(OSError), socket.create_connection((host, port), timeout=_ANSWER_SECONDS):
            return True
    return False
