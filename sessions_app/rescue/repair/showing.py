"""Bring one transcript under a live name and let a key show it: the steps of that."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator

from sessions_app.rescue.names import FileKind
from sessions_app.rescue.plan import NAMESPACE
from sessions_app.rescue.repair.desk import Desk, name_of
from sessions_app.rescue.repair.place import Place, digest_of
from sessions_app.rescue.repair.rows import checkpoints_attached, row_edited
from sessions_app.rescue.repair.slices import joined, parts_behind
from sessions_app.rescue.scan import Store
from sessions_app.rescue.transcripts import Transcript
from sessions_app.values import Json

_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def session_shown(store: Store, desk: Desk, each: Transcript, key: str, *, label: str = "") -> list[str]:
    """Plan that a key shows a transcript.

    Returns:
        Warnings, in words.
    """
    parts = parts_behind(store, desk, each)
    whole = desk.slices[each.file] if parts else [each]
    each, session_id = whole[0], session_id_of(whole[0])
    header, ends_line = mending(desk, each)
    before = desk.shows.get(key, "")
    is_named = name_of(each) != ".jsonl"  # no row can name that one
    if each.kind is FileKind.TRANSCRIPT and is_named and not (header or ends_line or parts):
        name = name_of(each)
    else:
        mend: Json = {"header": header, "endsLine": ends_line, "parts": parts}
        name = _copied(desk, each, key, session_id, mend)
    compactions, entries = (sum(int(one.facts.get(fact, 0)) for one in whole) for fact in ("compactions", "entries"))
    edit = row_edited(desk, key, session_id, name, compactions=compactions, label=label)
    words = checkpoints_attached(store, desk, edit, session_id)
    edit["words"] = f"Let {key} show session {session_id} in {name}, fresh and not running."
    edit["words"] += "".join(f" Also, {line}." for line in words)
    desk.expects[key] = {"sessionId": session_id, "file": name, "entries": entries}
    if before and before != name and before in desk.names and not desk.users_of(before, but=key):
        _put_aside(desk, before)
    return _warnings(store, whole, header)


def session_id_of(each: Transcript) -> str:
    """The session id of a transcript, or a new one that is always the same, when it has none the program takes."""
    if _SESSION_ID.fullmatch(each.session_id):
        return each.session_id
    return str(uuid.uuid5(NAMESPACE, f"{each.agent}/{each.path}"))


def mending(desk: Desk, each: Transcript) -> tuple[str, bool]:
    """The header a transcript lacks, and whether its last line lacks its end; the program loses lines over either."""
    header = ""
    if not each.facts.get("hasHeader"):
        about = {"type": "session", "version": 3, "id": session_id_of(each), "timestamp": each.facts.get("startedAt")}
        header = json.dumps({name: value for name, value in about.items() if value}, separators=(",", ":"))
    last = b""
    for chunk in desk.place.chunks(name_of(each)):
        last = chunk[-1:]
    return header, last not in (b"", b"\n")


def mended(place: Place, name: str, mend: Json) -> Iterator[bytes]:
    """The bytes of a transcript with what it lacks.

    Args:
        place: where it lies.
        name: of its file.
        mend: {header, endsLine, parts}, as `mending` and `parts_behind` say it.
    """
    header, parts = str(mend.get("header", "")), mend.get("parts")
    if parts:
        yield from joined(place, name, header, parts)
        return
    if header:
        yield header.encode() + b"\n"
    yield from place.chunks(name)
    if mend.get("endsLine"):
        yield b"\n"


def _copied(desk: Desk, each: Transcript, key: str, session_id: str, mend: Json) -> str:
    """Plan a copy under a live name. What lies there under that name is put aside first, if it is nobody else's."""
    source, name = name_of(each), f"{session_id}.jsonl"
    digest = digest_of(mended(desk.place, source, mend))
    aside, is_own = "", name in {source, *(part["from"] for part in mend["parts"])}
    if name in desk.names:
        planned = next((step["digest"] for step in desk.copies if step["to"] == name), None)
        there = planned or desk.place.digest(name)
        if there == digest:
            return name
        if planned or desk.users_of(name, but=key):
            name = _forked(desk, session_id)
        else:
            aside = desk.free_name(name, "bak" if is_own else "reset")
    step: Json = {"do": "copy", "from": source, "fromDigest": desk.place.digest(source), "to": name, "digest": digest}
    step |= mend
    words = f"Copy {source} to {name}"
    words += ", with the header it lacks" if mend["header"] else ""
    words += f", and behind it the slices that go on from it: {len(mend['parts'])}" if mend["parts"] else ""
    if aside:
        step |= {"aside": aside, "asideDigest": desk.place.digest(name)}
        words += f"; what lies there now is kept as {aside}"
    desk.copies.append({**step, "words": f"{words}."})
    desk.names.add(name)
    return name


def _forked(desk: Desk, session_id: str) -> str:
    """A name as the program gives it to a fork."""
    stamp = desk.stamp_in_names
    name, more = f"{stamp}_{session_id}.jsonl", 0
    while name in desk.names:
        more += 1
        name = f"{stamp}_{uuid.uuid5(NAMESPACE, f'{session_id}/{stamp}/{more}')}.jsonl"
    return name


def _put_aside(desk: Desk, name: str) -> None:
    aside = desk.free_name(name, "reset")
    words = f"Put {name} aside as {aside}."
    step = {"do": "aside", "from": name, "to": aside, "digest": desk.place.digest(name), "words": words}
    desk.asides.append(step)
    desk.names.discard(name)


def _warnings(store: Store, whole: list[Transcript], header: str) -> list[str]:
    words, name = list[str](), name_of(whole[0])
    if header:
        words.append(f"{name} has no header; its copy gets one.")
    roles = [store.ledger.facts("file", each.file).get("messages", {}) for each in whole]
    if not any(each.get("assistant") for each in roles):
        words.append(f"{name} holds no answer; from 2026.5 on the program starts such a session anew.")
    for each in whole:
        if unreadable := each.facts.get("unreadable"):
            words.append(f"{name_of(each)} has lines that cannot be read: {unreadable:,}. The program skips them.")
    return words
