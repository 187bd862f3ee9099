"""Backups: one file with everything of a data directory, made while the server runs.

The database is copied in one step by SQLite's own online backup, so the copy is one moment of it and no acknowledged message waits.
Beside it lie the files a person edits and the signing key: a backup is as private as the data directory (rights 0600).

The file ends with a seal: an empty gzip member whose comment is the SHA-256 of all before it. Gzip's own check sum is of what is
unpacked, and a compressed run of zeros can be written in many ways that unpack alike; the seal is of the file, so no flipped bit is
passed over. `tar` and `gzip` read such a file as they read any other.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from sessions_app.errors import InvalidParamsError, StorageUnavailableError
from sessions_app.runtime.doctor.source import UNREADABLE, Source, database_path, id_of, opened_file, text_of
from sessions_app.runtime.flushing import flushed
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Json

MANIFEST = "manifest.json"
DATABASE = "holdfast.sqlite3"
CONFIG_FILES = ("agents.toml", "hooks.toml", "secret_key")
LIST_NAME = "backups.jsonl"  # what was made, for the Operations page
FORMAT = 1
LISTED_MAX = 50
SEAL_BYTES = 92
_CHUNK_BYTES = 1024 * 1024


def backup_make(file: Path) -> Json:
    """Write a backup; a server may run and goes on acknowledging.

    Args:
        file: where to; must not exist yet. A gzipped tar, whatever its name.

    Returns:
        The manifest, with `path` and `bytes`: {format, version, createdAt, rows: {table: count}, migrations, audit:
        {events, headHash}, transcripts: {sessions, entries, digest}, members: {name: {bytes, sha256}}, path, bytes}.

    Raises:
        InvalidParamsError: the file is there already, or cannot be written; or the database is PostgreSQL.
        StorageUnavailableError: the database could not be copied, or the disk is full.
    """
    source = sqlite_path()
    file = file.absolute()
    if file.exists() or file.is_symlink():
        raise InvalidParamsError(f"{file} exists already. A backup never overwrites anything; give another name.")
    try:
        with tempfile.TemporaryDirectory(prefix=".holdfast-backup-", dir=file.parent) as place:
            copy = Path(place) / DATABASE
            _copied(source, copy)
            paths = {DATABASE: copy, **{name: settings.DATA_DIR / name for name in CONFIG_FILES}}
            members = {name: path for name, path in paths.items() if path.is_file()}
            manifest = {**_about(copy), "members": {name: _sum(path) for name, path in members.items()}}
            whole = Path(place) / "whole"
            _packed(whole, manifest, members)
            os.link(whole, file)  # fails where a file has come to be meanwhile, which a rename would replace
        flushed(file.parent)
    except FileExistsError as error:
        raise InvalidParamsError(f"{file} exists already. A backup never overwrites anything.") from error
    except OSError as error:
        raise InvalidParamsError(f"{file} cannot be written: {error.strerror or error}.", field="file") from error
    except sqlite3.Error as error:
        raise StorageUnavailableError(f"The database could not be copied: {error}") from error
    made = {**manifest, "path": str(file), "bytes": file.stat().st_size}
    _listed(made)
    return made


def backups_list() -> list[Json]:
    """The backups made here, newest first: [{path, at, bytes, exists}]. No query."""
    try:
        lines = (settings.DATA_DIR / LIST_NAME).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines[-LISTED_MAX:]:
        try:
            row = json.loads(line)
            found.append({**row, "exists": Path(row["path"]).exists()})
        except (ValueError, KeyError, TypeError):
            continue  # a line cut short by a full disk
    return found[::-1]


def sqlite_path() -> Path:
    """The database file that can be backed up.

    Raises:
        InvalidParamsError: it is PostgreSQL, which has its own tools; or there is none yet.
    """
    path = database_path()
    if path is None:
        raise InvalidParamsError(
            "This Holdfast uses PostgreSQL. Back it up with pg_dump and restore with pg_restore (docs/backup.md); copy agents.toml, "
            "hooks.toml and secret_key from the data directory beside it."
        )
    if not path.exists():
        raise InvalidParamsError(f"There is no database in {path.parent}.")
    return path


def rows_by_table(source: Source) -> dict[str, int | None]:
    """How many rows each table has; None for one that cannot be counted."""
    counts: dict[str, int | None] = {}
    for name in sorted(source.names("table")):
        if not name.startswith("sqlite_"):
            try:
                counts[name] = source.rows(f'SELECT COUNT(*) FROM "{name}"')[0][0]  # noqa: S608 - names the database gave
            except UNREADABLE:
                counts[name] = None
    return counts


def transcripts_summary(source: Source) -> Json:
    """All transcripts in one digest: every session with its length and its own digest."""
    link, sessions = hashlib.sha256(), 0
    start: Any = ""
    for row in source.pages(_SESSIONS, [], start=start):
        link.update(f"{id_of(row[0])} {row[1]} {text_of(row[2])}\n".encode())
        sessions += 1
    entries = source.rows("SELECT COUNT(*) FROM sessions_app_entry")[0][0]
    return {"sessions": sessions, "entries": entries, "digest": link.hexdigest()}


def about(source: Source) -> Json:
    """What a manifest says of a database; what cannot be read is None there."""
    answer: Json = {"rows": None, "migrations": None, "audit": None, "transcripts": None}
    try:
        answer["rows"] = rows_by_table(source)
        applied = source.rows("SELECT app, name FROM django_migrations ORDER BY id")
        answer["migrations"] = [f"{text_of(app)}.{text_of(name)}" for app, name in applied]
        head = source.rows("SELECT last_seq, hash FROM sessions_app_audithead WHERE id = 1")
        answer["audit"] = {"events": head[0][0], "headHash": text_of(head[0][1])} if head else None
        answer["transcripts"] = transcripts_summary(source)
    except UNREADABLE:
        pass  # a backup of damage must be possible too: it is what doctor makes before it mends
    return answer


def seal(file: Path, length: int) -> bytes:
    """The end of a backup: an empty gzip member (RFC 1952) with the SHA-256 of the first `length` bytes as its comment."""
    link, left = hashlib.sha256(), length
    with file.open("rb") as stream:
        while chunk := stream.read(min(_CHUNK_BYTES, left)):
            link.update(chunk)
            left -= len(chunk)
    header = b"\x1f\x8b\x08\x10" + bytes(5) + b"\xff"  # deflate, with a comment, no time, no system
    return header + f"sha256 {link.hexdigest()}".encode() + b"\0" + b"\x03\0" + bytes(8)


def _about(copy: Path) -> Json:
    now = wire_time(timezone.now())
    with opened_file(copy) as source:
        return {"format": FORMAT, "version": settings.VERSION, "createdAt": now, **about(source)}


def _copied(source: Path, copy: Path) -> None:
    """Copy the database in one step; the copy is one file, without a log beside it."""
    uri = f"{source.as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=20)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new, pages=-1)
        with contextlib.suppress(sqlite3.DatabaseError):  # a broken file is copied as it is
            new.execute("PRAGMA journal_mode = DELETE")


def _sum(path: Path) -> Json:
    link = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            link.update(chunk)
    return {"bytes": path.stat().st_size, "sha256": link.hexdigest()}


def _packed(whole: Path, manifest: Json, members: dict[str, Path]) -> None:
    """Write the tar, its manifest first, and flush it to the disk."""
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
            text = json.dumps(manifest, ensure_ascii=False, indent=2).encode()
            facts = tarfile.TarInfo(MANIFEST)
            facts.size, facts.mode = len(text), 0o600
            tar.addfile(facts, io.BytesIO(text))
            for name, path in members.items():
                tar.add(path, arcname=name, recursive=False, filter=_private)
        file.flush()
        file.write(seal(whole, file.tell()))
        file.flush()
        os.fsync(file.fileno())


def _private(facts: tarfile.TarInfo) -> tarfile.TarInfo:
    facts.mode, facts.uid, facts.gid, facts.uname, facts.gname = 0o600, 0, 0, "", ""
    return facts


def _listed(made: Json) -> None:
    line = json.dumps({"path": made["path"], "at": made["createdAt"], "bytes": made["bytes"]})
    try:
        descriptor = os.open(settings.DATA_DIR / LIST_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        return  # the backup is made; the list is a comfort
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(line + "\n")


_SESSIONS = "SELECT id, last_seq, digest FROM sessions_app_session WHERE id > ? ORDER BY id LIMIT ?"
