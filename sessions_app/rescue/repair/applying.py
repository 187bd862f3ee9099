"""Carrying out the plan of a repair: backup, steps, a scan of what came out. May be killed anywhere and run again, or undone."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sessions_app.errors import InvalidParamsError, StorageUnavailableError
from sessions_app.rescue.repair.backup import DONE, UNDONE, backup_made, document_written, manifest_read
from sessions_app.rescue.repair.desk import INDEX
from sessions_app.rescue.repair.place import Place, checked_name
from sessions_app.rescue.repair.planning import step_words
from sessions_app.rescue.repair.running import signs_of_life
from sessions_app.rescue.repair.showing import mended
from sessions_app.rescue.repair.verifying import verified
from sessions_app.values import Json

Progress = Callable[[str], None]


def _silent(_words: str) -> None:
    """Nobody watches."""


def repair_apply(plan: Json, *, progress: Progress = _silent) -> Json:
    """Carry out a plan, or end the interrupted one it names.

    Args:
        plan: from `repair_plan`; it may have been stored as JSON in between.
        progress: told in words before each change; what it raises stops the repair there.

    Returns:
        {backup, done: [words], changed, verified, problems: [words], findings: {before, after}, shown: [{path, key, sessionId,
        file}]}; `backup` is None when there was nothing to do.

    Raises:
        InvalidParamsError: it was refused, or the directory changed since it was planned.
        StorageUnavailableError: the disk did not take it; run it again, or undo it. The backup is in the details.
    """
    if not plan["ok"]:
        raise InvalidParamsError(" ".join(row["words"] for row in plan["refusals"]), refusals=plan["refusals"])
    if not plan["directories"]:
        return {"backup": None, "done": [], "changed": False, **verified(plan)}
    try:
        return _applied(plan, progress)
    except OSError as error:
        words = (
            f"The repair stopped: {error}. Run it again and it goes on, or undo it with the backup {plan['backup']}."
        )
        raise StorageUnavailableError(words, backup=plan["backup"]) from error


def _applied(plan: Json, progress: Progress) -> Json:
    with ExitStack() as stack:
        places = [stack.enter_context(Place(plan["root"], each["path"])) for each in plan["directories"]]
        signs = [] if plan["wish"]["force"] else signs_of_life(Path(plan["state"]), places)
        if signs:
            raise InvalidParamsError(
                f"A gateway seems to run on this directory now: {'; '.join(signs[:5])}.", signs=signs
            )
        if not plan["resumes"]:
            progress(f"Back up to {plan['backup']}.")
            _unchanged(plan, places)
            backup_made(plan, places, int(time.time() * 1000))
        home = Path(plan["backup"])
        manifest = manifest_read(home)
        if (home / UNDONE).exists():
            raise InvalidParamsError("This repair was undone. Plan again.", field="plan")
        done = []
        for directory, place in zip(manifest["plan"]["directories"], places, strict=True):
            for step in directory["steps"]:
                _STEPS[step["do"]](place, step, home, progress)
                done += step_words(step)
            for step in directory["steps"]:
                place.removed(checked_name(step["temp"]))
        result = verified(manifest["plan"])
        document_written(home, DONE, {"at": int(time.time() * 1000), **result})
    return {"backup": str(home), "done": done, "changed": True, **result}


def _unchanged(plan: Json, places: list[Place]) -> None:
    """Nothing may have changed since the plan was made.

    Raises:
        InvalidParamsError: something did.
    """
    for directory, place in zip(plan["directories"], places, strict=True):
        for step in directory["steps"]:
            wanted = {"copy": [("from", "fromDigest")], "aside": [("from", "digest")], "remove": [("name", "digest")]}
            pairs = [(step[name], step[digest]) for name, digest in wanted.get(step["do"], [])]
            pairs += [(part["from"], part["digest"]) for part in step.get("parts", ())]
            pairs += [(INDEX, step["digest"])] if step["do"] == "index" else []
            free = [step[name] for name in ("to", "aside") if step.get(name)]
            if step["do"] == "copy" and step.get("aside"):
                pairs.append((step["to"], step["asideDigest"]))
                free.remove(step["to"])
            if any(place.digest(checked_name(name)) != digest for name, digest in pairs):
                raise InvalidParamsError("The directory changed since it was planned. Plan again.", field="plan")
            if any(place.facts(checked_name(name)) is not None for name in free):
                raise InvalidParamsError("A name that was free is taken now. Plan again.", field="plan")


def _copy(place: Place, step: Json, home: Path, progress: Progress) -> None:
    name = checked_name(step["to"])
    there = place.digest(name)
    if there == step["digest"]:
        return
    if there is not None and there != step.get("asideDigest"):
        raise InvalidParamsError(f"{name} changed meanwhile. Undo this repair with its backup.", field="plan")
    place.removed(checked_name(step["temp"]))
    progress(step["words"])
    for part in step.get("parts", ()):
        checked_name(part["from"])
    source = mended(place, checked_name(step["from"]), step)
    place.written(step["temp"], source, _mode(place))
    _dated(place, step, manifest_read(home)["madeAt"])
    if place.digest(step["temp"]) != step["digest"]:
        raise InvalidParamsError(f"{step['from']} changed meanwhile. Undo this repair with its backup.", field="plan")
    if step.get("aside") and place.digest(checked_name(step["aside"])) is None:
        progress(f"Keep {name} as {step['aside']}.")
        place.linked(name, step["aside"])
        place.flushed()
    progress(f"Give the copy its name {name}.")
    _named(place, step["temp"], name, is_free=not step.get("aside"))


def _dated(place: Place, step: Json, row_ms: int) -> None:
    """A copy is as old as what it was made of: a transcript newer than its row makes the program start the main session anew (2026.6 on)."""
    sources = [place.facts(name) for name in (step["from"], *(part["from"] for part in step.get("parts", ())))]
    newest = max((facts.st_mtime_ns for facts in sources if facts is not None), default=row_ms * 1_000_000)
    newest = min(newest, row_ms * 1_000_000)
    place.timed(step["temp"], newest, newest)


def _named(place: Place, temp: str, name: str, *, is_free: bool) -> None:
    """A name that should be free is never taken from anybody."""
    if is_free:
        place.linked(temp, name)
        place.removed(temp)
    else:
        place.replaced(temp, name)


def _index(place: Place, step: Json, home: Path, progress: Progress) -> None:
    there = place.digest(INDEX)
    if there == step["after"]:
        return
    if there != step["digest"]:
        raise InvalidParamsError("The index changed meanwhile. Undo this repair with its backup.", field="plan")
    if step["aside"] and place.digest(checked_name(step["aside"])) is None:
        progress(f"Keep the damaged index as {step['aside']}.")
        place.linked(INDEX, step["aside"])
    place.removed(checked_name(step["temp"]))
    progress("Write the new index.")
    place.written(step["temp"], iter([(home / checked_name(step["blob"])).read_bytes()]), _mode(place))
    progress("Give the new index its name.")
    place.replaced(step["temp"], INDEX)


def _aside(place: Place, step: Json, _home: Path, progress: Progress) -> None:
    source, target = checked_name(step["from"]), checked_name(step["to"])
    if place.digest(target) is None:
        if place.digest(source) != step["digest"]:
            raise InvalidParamsError(f"{source} changed meanwhile. Undo this repair with its backup.", field="plan")
        progress(step["words"])
        place.linked(source, target)
    progress(f"Take the name {source} away.")
    if place.digest(source) == step["digest"]:
        place.removed(source)


def _remove(place: Place, step: Json, _home: Path, progress: Progress) -> None:
    progress(step["words"])
    if place.digest(checked_name(step["name"])) == step["digest"]:
        place.removed(step["name"])


def _mode(place: Place) -> int:
    """New files get the permissions of the index."""
    facts = place.facts(INDEX)
    return facts.st_mode & 0o777 if facts is not None else 0o600


_STEPS = {"copy": _copy, "index": _index, "aside": _aside, "remove": _remove}
