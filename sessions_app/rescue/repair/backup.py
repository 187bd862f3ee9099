"""The backup of a repair: every file it will touch, the plan, and what was there, in a directory beside the store."""

from __future__ import annotations

import json
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sessions_app.errors import InvalidParamsError, NotFoundError
from sessions_app.rescue.repair.desk import INDEX
from sessions_app.rescue.repair.editing import index_edited
from sessions_app.rescue.repair.place import Place, digest_of
from sessions_app.values import Json

MANIFEST, DONE, UNDONE = "manifest.json", "done.json", "undone.json"
_MANIFEST_MAX_BYTES = 1 << 30


def backup_made(plan: Json, places: list[Place], now_ms: int) -> Json:
    """Copy what the plan touches, then write the manifest; only with it the backup counts.

    Args:
        plan: from `planning.repair_plan`.
        places: the directories of the plan, in its order.
        now_ms: the time that rows are given.

    Returns:
        The manifest.

    Raises:
        InvalidParamsError: the store changed since it was planned.
        OSError: the disk is full, or a file cannot be read.
    """
    home = Path(plan["backup"])
    home.mkdir(mode=0o700)
    directories = [
        _kept(home, f"{n:03d}", each, place, now_ms)
        for n, (each, place) in enumerate(zip(plan["directories"], places, strict=True))
    ]
    manifest: Json = {"version": 1, "root": plan["root"], "state": plan["state"], "madeAt": now_ms, "plan": plan}
    manifest["directories"] = directories
    flushed(home)
    document_written(home, MANIFEST, manifest)
    return manifest


def _kept(home: Path, prefix: str, directory: Json, place: Place, now_ms: int) -> Json:
    originals, made, temps = list[Json](), dict[str, str](), list[str]()
    for name in sorted(_touched(directory)):
        kept = _original(home, f"{prefix}-{len(originals):05d}", place, name)
        if kept is not None:
            originals.append(kept)
    for step in directory["steps"]:
        step["temp"] = f"{step.get('to') or step.get('name') or INDEX}.{uuid.uuid4()}.tmp"
        temps.append(step["temp"])
        if step["do"] == "index":
            before = next((each for each in originals if each["name"] == INDEX), None)
            after = _index_after(home, prefix, before, step, now_ms)
            step |= {"blob": after[0], "after": after[1]}
            made[INDEX] = after[1]
        elif step["do"] in ("copy", "aside"):
            made[step["to"]] = step["digest"]
        if step.get("aside"):
            made[step["aside"]] = str(step.get("asideDigest") or step.get("digest"))
    facts = os.fstat(place.number)
    names = {each["name"] for each in originals}
    rows = [{"name": name, "digest": digest, "isNew": name not in names} for name, digest in made.items()]
    times = {"accessedNs": facts.st_atime_ns, "modifiedNs": facts.st_mtime_ns}
    return {"path": directory["path"], **times, "originals": originals, "made": rows, "temps": temps}


def _touched(directory: Json) -> set[str]:
    """The index, what is copied, and everything that is moved or removed."""
    found = {INDEX}
    for step in directory["steps"]:
        found |= {step[name] for name in ("from", "name") if step.get(name)}
        if step["do"] == "copy" and step.get("aside"):
            found.add(step["to"])
    return found


def _original(home: Path, blob: str, place: Place, name: str) -> Json | None:
    facts = place.facts(name)
    if facts is None:
        return None
    if not stat.S_ISREG(facts.st_mode):
        raise InvalidParamsError(f"{name} is no plain file any more. Plan again.", field="plan")
    with (home / blob).open("xb") as copy:
        digest = digest_of(_copied(place.chunks(name), copy))
        copy.flush()
        os.fsync(copy.fileno())
    (home / blob).chmod(0o600)
    times = {"accessedNs": facts.st_atime_ns, "modifiedNs": facts.st_mtime_ns}
    owner = {"uid": facts.st_uid, "gid": facts.st_gid, "mode": stat.S_IMODE(facts.st_mode)}
    return {"name": name, "blob": blob, "size": facts.st_size, "digest": digest, **times, **owner}


def _copied(chunks: Iterator[bytes], copy: Any) -> Iterator[bytes]:
    for chunk in chunks:
        copy.write(chunk)
        yield chunk


def _index_after(home: Path, prefix: str, before: Json | None, step: Json, now_ms: int) -> tuple[str, str]:
    """The index as it will be, written into the backup first: a repair that is interrupted goes on with the same bytes."""
    raw = (home / before["blob"]).read_bytes() if before else b"{}"
    if before and before["digest"] != step["digest"]:
        raise InvalidParamsError("The index changed since it was planned. Plan again.", field="plan")
    content = index_edited(raw, step["edits"], now_ms)
    blob = f"{prefix}-index"
    (home / blob).write_bytes(content)
    return blob, digest_of(iter([content]))


def document_written(home: Path, name: str, document: Json) -> None:
    """Write a JSON file of a backup at once, and flush it."""
    temp = home / f"{name}.partial"
    with temp.open("w") as stream:
        json.dump(document, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    temp.chmod(0o600)
    temp.rename(home / name)
    flushed(home)
    flushed(home.parent)


def flushed(directory: Path) -> None:
    """Bring a directory to the disk."""
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def manifest_read(backup: str | Path) -> Json:
    """The manifest of a backup.

    Raises:
        NotFoundError: there is none.
        InvalidParamsError: it is none of ours, or damaged.
    """
    place = Path(backup).expanduser() / MANIFEST
    try:
        if place.stat().st_size > _MANIFEST_MAX_BYTES:
            raise InvalidParamsError("This is no backup of a repair.", field="backup")
        manifest = json.loads(place.read_bytes())
    except OSError as error:
        words = (
            f"There is no whole backup of a repair in {backup}. If one was begun there, nothing had been changed yet."
        )
        raise NotFoundError(words) from error
    except (ValueError, RecursionError) as error:
        raise InvalidParamsError("The manifest of this backup cannot be read.", field="backup") from error
    if not isinstance(manifest, dict) or manifest.get("version") != 1 or not isinstance(manifest.get("plan"), dict):
        raise InvalidParamsError("This is no backup of a repair.", field="backup")
    return manifest
