"""Proving that a backup is whole, and bringing one back into an empty data directory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from sessions_app.errors import InvalidParamsError
from sessions_app.runtime.backup import CONFIG_FILES, DATABASE, FORMAT, MANIFEST, SEAL_BYTES, about, seal
from sessions_app.runtime.doctor.checks_database import integrity
from sessions_app.runtime.doctor.checks_logs import audit_chain
from sessions_app.runtime.doctor.checks_transcripts import transcripts
from sessions_app.runtime.doctor.findings import Finding
from sessions_app.runtime.doctor.source import UNREADABLE, database_path, opened_file
from sessions_app.runtime.flushing import flushed
from sessions_app.values import Json

_MANIFEST_MAX_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_BROKEN = (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError)


def backup_verify(file: Path) -> Json:
    """Unpack a backup in a temporary place and prove all it says. A server may run; its data is not looked at.

    Returns:
        {ok, path, problems: [words], findings: [finding], manifest}. `problems`: the file is not what was written.
        `findings`: it is, but held damage when it was made. `ok` means neither.
    """
    with tempfile.TemporaryDirectory(prefix="holdfast-verify-") as place:
        manifest, problems = _unpacked(file, Path(place))
        findings: list[Finding] = []
        if manifest is not None and not problems:
            problems, findings = _proven(Path(place) / DATABASE, manifest)
    return {
        "ok": not problems and not findings,
        "path": str(file),
        "problems": problems,
        "findings": [finding.as_json() for finding in findings],
        "manifest": manifest,
    }


def backup_restore(file: Path) -> Json:
    """Bring a backup back into the data directory of this process, which must be empty.

    A signing key alone is no data: one is made as soon as a data directory is named. The backup's own takes its place.

    Returns:
        As `backup_verify`, with `dataDir`.

    Raises:
        InvalidParamsError: the directory holds something, or the backup does not verify; nothing was written.
    """
    target = database_path()
    if target is None:
        raise InvalidParamsError("This Holdfast uses PostgreSQL; unset DATABASE_URL to restore into a data directory.")
    there = sorted({path.name for path in settings.DATA_DIR.iterdir()} - {"secret_key"})
    if there or target.exists():
        raise InvalidParamsError(
            f"{settings.DATA_DIR} is not empty: it has {', '.join(there[:5]) or target}. A backup is restored only into an empty data "
            "directory; give another --data-dir. Nothing was written."
        )
    verified = backup_verify(file)
    if verified["problems"]:
        raise InvalidParamsError(f"This backup is broken: {verified['problems'][0]} Nothing was written.", **verified)
    with _temporary(settings.DATA_DIR) as place:
        _, problems = _unpacked(file, place)
        if problems:
            raise InvalidParamsError(f"This backup is broken: {problems[0]} Nothing was written.")
        for name in CONFIG_FILES:
            if (place / name).exists():
                (place / name).replace(settings.DATA_DIR / name)
        (place / DATABASE).replace(target)  # last: without it the directory still counts as unfinished
    flushed(settings.DATA_DIR)
    return {**verified, "dataDir": str(settings.DATA_DIR)}


@contextmanager
def _temporary(parent: Path) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix=".restoring-", dir=parent))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _unpacked(file: Path, place: Path) -> tuple[Json | None, list[str]]:
    """Write the members of a backup into a directory, and compare each with the manifest."""
    manifest: Json | None = None
    problems: list[str] = []
    sums: dict[str, str] = {}
    try:
        with tarfile.open(file, mode="r|gz") as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is None:
                    problems.append(f"{member.name} is no file of a backup.")
                elif member.name == MANIFEST:
                    manifest = json.loads(stream.read(_MANIFEST_MAX_BYTES))
                elif member.name in (DATABASE, *CONFIG_FILES):
                    sums[member.name] = _written(place / member.name, stream)
                else:
                    problems.append(f"{member.name} does not belong into a backup.")
        if not _sealed(file):
            problems.append("its seal does not fit: bytes of the file were changed or cut off.")
        if manifest is None or manifest.get("format") != FORMAT:
            return None, [*problems, "it has no manifest this version knows, so it is no backup of Holdfast."]
        wanted = {name: facts["sha256"] for name, facts in manifest["members"].items()}
    except _BROKEN as error:
        return manifest, [*problems, f"the file cannot be read to its end: {type(error).__name__}: {error}."]
    problems += [f"{name} is missing." for name in sorted({*wanted, DATABASE} - set(sums))]
    problems += [
        f"{name} is not what was written: its SHA-256 differs." for name in sums if sums[name] != wanted.get(name)
    ]
    return manifest, problems


def _sealed(file: Path) -> bool:
    """Whether the last bytes of a backup are the seal of all before them."""
    length = file.stat().st_size - SEAL_BYTES
    if length < 0:
        return False
    with file.open("rb") as stream:
        stream.seek(length)
        return stream.read() == seal(file, length)


def _written(path: Path, stream: object) -> str:
    link = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while chunk := stream.read(_CHUNK_BYTES):  # type: ignore[attr-defined]
            link.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return link.hexdigest()


def _proven(database: Path, manifest: Json) -> tuple[list[str], list[Finding]]:
    """Open the copy: is it whole, are its numbers those of the manifest, do both chains hold."""
    try:
        with opened_file(database) as source:
            now = about(source)
            problems = [f"{name} differs from the manifest." for name in now if now[name] != manifest.get(name)]
            findings = [*integrity(source, deep=True)]
            if not findings:
                findings += [*audit_chain(source), *transcripts(source, deep=True)]
    except UNREADABLE as error:
        return [f"its database cannot be opened: {error}."], []
    return problems, findings
