"""Exports a data directory and reads and hashes the same rows, in turns: `python -m bench.exporting ROUNDS`. Prints both as JSON, in seconds."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import django

_ROWS = (
    "SELECT session_id, seq, kind, role, text, data, run_id, message_no, digest, created_at FROM sessions_app_entry",
    "SELECT id, session_id, input_seq, answer_seq, retry_of_id, continues, state, actor, actor_label, request_id, request_digest, error, "
    "created_at, started_at, finished_at FROM sessions_app_run",
)


def main() -> None:
    """Measure; processor time, so that a busy machine does not count."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlui.settings")
    django.setup()
    floors, exports, size = [], [], 0
    for _ in range(int(sys.argv[1])):
        floors.append(_read_and_hashed())
        seconds, size = _exported()
        exports.append(seconds)
    print(json.dumps({"floors": floors, "exports": exports, "bytes": size}))


def _read_and_hashed() -> float:
    """Every column of every entry and run through Django's connection, into one SHA-256."""
    from django.db import connection

    began, link = time.process_time(), hashlib.sha256()
    with connection.cursor() as cursor:
        for sql in _ROWS:
            cursor.execute(sql)
            while rows := cursor.fetchmany(250):
                for row in rows:
                    link.update("\x1f".join(map(str, row)).encode())
    return time.process_time() - began


def _exported() -> tuple[float, int]:
    """`sessions export --all` into a file: read, hash chain proven, packed, sealed, flushed."""
    from sessions_app.runtime.transfer.package import destination
    from sessions_app.runtime.transfer.taking import Wanted, chosen, package_write
    from sessions_app.values import SYSTEM, Call, Trigger

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "all.tar.zst"
        began = time.process_time()
        with destination(path) as sink:
            package_write(chosen(Wanted(Call(SYSTEM, Trigger.CLI)), "tar.zst"), sink)
        return time.process_time() - began, path.stat().st_size


if __name__ == "__main__":
    main()
