"""The plan of a repair: what would be done, step by step, in words and as JSON. Reads only."""

from __future__ import annotations

import datetime
from contextlib import ExitStack, suppress
from pathlib import Path

from sessions_app.rescue.index import INDEX_MAX_BYTES, Row
from sessions_app.rescue.names import TRANSCRIPTS, FileKind
from sessions_app.rescue.plan import planned
from sessions_app.rescue.repair.desk import INDEX, Desk, name_of, stamp_text
from sessions_app.rescue.repair.finding import RefusedError, transcript_meant
from sessions_app.rescue.repair.missing import missing_mended, orphans_adopted
from sessions_app.rescue.repair.place import Place
from sessions_app.rescue.repair.running import locks_of, signs_of_life, state_directory
from sessions_app.rescue.repair.showing import mending, session_id_of, session_shown
from sessions_app.rescue.repair.slices import parts_behind, slices_of
from sessions_app.rescue.repair.unfinished import unfinished_plan
from sessions_app.rescue.repair.wish import RepairWish
from sessions_app.rescue.scan import Store, store_read
from sessions_app.rescue.transcripts import Transcript
from sessions_app.values import Json

KEY_MAX_CHARS = 500


def repair_plan(path: str | Path, wish: RepairWish) -> Json:
    """What a repair of a store of the file era would do. Nothing is written.

    Args:
        path: `~/.openclaw`, or a directory below it.
        wish: what somebody asked for.

    Returns:
        {root, backup, wish, ok, refusals: [{code, words}], warnings, words, directories: [{path, steps}], expects, findings,
        resumes}; `ok` is False when it was refused, `words` tell every step. `resumes` is the backup of an earlier repair that was
        interrupted: then the plan is to end that one.

    Raises:
        NotFoundError, InvalidParamsError: the path is no directory.
    """
    with store_read(path) as store, ExitStack() as stack:
        adoption = planned(store)
        transcripts = adoption.transcripts
        now = datetime.datetime.now(datetime.UTC)
        desks = _desks(store, transcripts, wish, now, stack)
        for desk in desks:
            desk.slices = slices_of(adoption)
        state = state_directory(desks[0].place.path) if desks else store.root
        interrupted = unfinished_plan(state, wish.backup_to)
        if interrupted is not None:
            return interrupted
        backup = Path(wish.backup_to) if wish.backup_to else state.parent
        plan: Json = {"version": 1, "root": str(store.root), "state": str(state), "wish": wish.as_json()}
        plan |= {"backup": str(backup / f"{state.name}.holdfast-repair-{stamp_text(now)}"), "resumes": None}
        refusals = _refusals(store, desks, state, wish)
        warnings = [] if refusals else _decided(store, desks, wish, refusals)
        directories = [] if refusals else [each for desk in desks if (each := _directory(desk))["steps"]]
        expects = [{"path": desk.path, "key": key, **about} for desk in desks for key, about in desk.expects.items()]
        words = [words for each in directories for step in each["steps"] for words in step_words(step)]
        findings = dict(store.ledger.rows("SELECT code, count(*) FROM finding GROUP BY code ORDER BY code"))
        plan |= {"ok": not refusals, "refusals": refusals, "warnings": warnings, "words": words}
        return plan | {"directories": directories, "expects": [] if refusals else expects, "findings": findings}


def _desks(
    store: Store, transcripts: list[Transcript], wish: RepairWish, now: datetime.datetime, stack: ExitStack
) -> list[Desk]:
    """The directories that hold an index or transcripts of the file era, in order."""
    marks = ",".join("?" * (len(TRANSCRIPTS) + 1))
    sql = f"SELECT path, kind, agent FROM file WHERE kind IN ({marks}) AND part = '' ORDER BY path"  # noqa: S608
    agents: dict[str, str] = {}
    for path, kind, agent in store.ledger.rows(sql, FileKind.INDEX, *sorted(TRANSCRIPTS)):
        if kind != FileKind.COLD and (not wish.agent or agent == wish.agent):
            agents.setdefault(path.rpartition("/")[0], agent)
    desks = []
    for directory, agent in sorted(agents.items()):
        with suppress(FileNotFoundError, NotADirectoryError):  # a name of bytes that are no text
            place = stack.enter_context(Place(store.root, directory))
            desk = Desk(directory, place, agent, [], now.isoformat())
            desk.older = {r.key: r.entry for r in store.rows if r.agent == agent and _is_of_older_index(r)}
            try:
                desk.read(_index(place))
            except OSError as error:
                why = error.strerror or error
                desk.problem = f"{place.path / INDEX} cannot be read: {why}. Move it away, or adopt what is beside it."
            own = [each for each in transcripts if not each.part and each.path.rpartition("/")[0] == directory]
            desk.transcripts = [each for each in own if name_of(each) in desk.names]
            desks.append(desk)
    return desks


def _is_of_older_index(row: Row) -> bool:
    return bool(row.entry) and (row.is_older or not row.is_primary)


def _index(place: Place) -> bytes | None:
    facts = place.facts(INDEX)
    if facts is None:
        return None
    if facts.st_size > INDEX_MAX_BYTES:
        raise OSError("the index is too large")
    return b"".join(place.chunks(INDEX))


def _refusals(store: Store, desks: list[Desk], state: Path, wish: RepairWish) -> list[Json]:
    found: list[Json] = []

    def refused(code: str, words: str) -> None:
        found.append({"code": code, "words": words})

    if store.ledger.one("SELECT 1 FROM file WHERE kind = ? AND part = ''", FileKind.DATABASE):
        refused("sqlite-era", SQLITE_WORDS)
    elif not desks:
        refused("nothing-here", "No index and no transcripts of the file era were found here.")
    for desk in desks:
        if desk.problem:
            refused("index-unreadable", desk.problem)
    if not (wish.restore or wish.fix_missing or wish.adopt_orphans):
        refused("nothing-asked", "Say what shall be done: restore, fix missing, or adopt orphans.")
    signs = [] if wish.force or not desks else signs_of_life(state, [desk.place for desk in desks])
    if signs:
        words = f"A gateway seems to run on this directory: {'; '.join(signs[:5])}. Stop it first, or say that it does not run."
        refused("gateway-running", words)
    return found


SQLITE_WORDS = (
    "This directory is of the SQLite era, or half migrated to it. Its program keeps checksums, search and a queue beside each "
    "transcript, and refuses rows it did not write itself. Use adopt, which takes everything, or export; it is not repaired in place."
)


def _decided(store: Store, desks: list[Desk], wish: RepairWish, refusals: list[Json]) -> list[str]:
    """Fill the desks with steps.

    Returns:
        Warnings, in words.
    """
    warnings: list[str] = []
    try:
        if wish.restore:
            warnings += _restored(store, desks, wish)
        for desk in desks:
            if wish.fix_missing:
                warnings += missing_mended(store, desk)
            if wish.adopt_orphans:
                warnings += orphans_adopted(store, desk)
            if desk.index_is_broken and not desk.edits:
                warnings.append(f"The index of {desk.agent} is damaged, and nothing asked for touches it.")
    except RefusedError as error:
        refusals.append({"code": error.code, "words": error.words})
    except OSError as error:
        refusals.append({"code": "unreadable", "words": f"A file cannot be read: {error.strerror or error}."})
    return warnings


def _restored(store: Store, desks: list[Desk], wish: RepairWish) -> list[str]:
    each = transcript_meant(store.root, [each for desk in desks for each in desk.transcripts], wish)
    desk = next(desk for desk in desks if each in desk.transcripts)
    key = _key_for(desk, each, wish.key.strip())
    name = name_of(each)
    others = desk.users_of(name, but=key)
    if others:
        words = f"{each.path} is what {', '.join(others[:3])} shows now. Two chats must not share one transcript."
        raise RefusedError("in-use", words)
    shown, warnings = desk.rows.get(key, {}), list[str]()
    is_cut = bool(parts_behind(store, desk, each))
    if each.file in desk.slices and not is_cut:
        cut = f"The program cut this session into {len(desk.slices[each.file])} slices."
        warnings.append(f"{cut} Only {name} is shown; adopt brings them back as one.")
    is_whole = not is_cut and not any(mending(desk, each))
    if desk.shows.get(key) == name and shown.get("sessionId") == session_id_of(each) and is_whole:
        return [*warnings, f"{key} shows {name} already."]
    if each.key_by == "guess" and not wish.key:
        warnings.append(f"No record says that {each.path} belongs to {key}; it is a guess.")
    return warnings + session_shown(store, desk, each, key)


def _key_for(desk: Desk, each: Transcript, asked: str) -> str:
    key = asked or each.key
    if not key:
        raise RefusedError("key-unknown", f"No record says which key {each.path} belongs to. Say it with --key.")
    if asked and (len(key) > KEY_MAX_CHARS or not key.isprintable() or key.encode("utf-8", "replace").decode() != key):
        raise RefusedError("key-invalid", "This is no session key.")
    parts = key.split(":")
    if parts[0] == "agent" and (len(parts) < 3 or parts[1] != desk.agent):
        raise RefusedError("key-of-another", f"{key} is no key of the agent {desk.agent}, whose file {each.path} is.")
    return key


def step_words(step: Json) -> list[str]:
    """What a step does, a sentence or two for each row it touches."""
    about = [edit["words"] for edit in step.get("edits", ())]
    return [*about, *([step["words"]] if not about or step["words"] else [])]


def _directory(desk: Desk) -> Json:
    """The steps of a directory, in an order in which it is whole after each of them."""
    steps = list(desk.copies)
    if desk.edits:
        broken = f"{INDEX}.bak.{desk.stamp_millis}" if desk.index_is_broken else ""
        words = f"The damaged index is kept as {broken}." if broken else ""
        edits = list(desk.edits.values())
        steps.append({"do": "index", "digest": desk.index_digest, "aside": broken, "edits": edits, "words": words})
    steps += desk.asides
    for name in locks_of(desk.place, are_live=False) if steps else []:
        digest = desk.place.digest(name)
        steps.append({"do": "remove", "name": name, "digest": digest, "words": f"Remove the stale lock {name}."})
    return {"path": desk.path, "agent": desk.agent, "steps": steps}
