"""Changes in the text of a JSON object: what is not changed keeps its bytes, its order and its indent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_HALVES = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Member:
    """One `"key": value` of an object: where it begins, where its value lies."""

    key: str
    begin: int
    value: int
    end: int


def members_of(text: str, at: int = 0) -> tuple[list[Member], bool]:
    """The members of the object that begins at or after a position.

    Returns:
        The members, and whether the object is whole: of one that is cut or broken those before the break are given.
    """
    at = _skipped(text, at)
    if text[at : at + 1] != "{":
        return [], False
    at, found = _skipped(text, at + 1), list[Member]()
    if text[at : at + 1] == "}":
        return [], not text[at + 1 :].strip(" \t\r\n")
    try:
        while True:
            begin = at
            key, at = _decode(text, at)
            at = _skipped(text, at)
            if not isinstance(key, str) or text[at : at + 1] != ":":
                return found, False
            value = _skipped(text, at + 1)
            _, at = _decode(text, value)
            found.append(Member(key, begin, value, at))
            at = _skipped(text, at)
            if text[at : at + 1] != ",":
                return found, text[at : at + 1] == "}" and not text[at + 1 :].strip(" \t\r\n")
            at = _skipped(text, at + 1)
    except (ValueError, RecursionError):
        return found, False


def _skipped(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def object_edited(
    text: str,
    sets: Mapping[str, str],
    drops: frozenset[str] = frozenset(),
    names: Mapping[str, str] | None = None,
    *,
    lead: str = "\n  ",
    tail: str = "\n",
) -> str:
    """The text of an object with other members.

    Args:
        text: of the object; of a broken one, the members before the break are taken.
        sets: key to the text of its value; new keys come last.
        drops: keys that go.
        names: keys that get another name.
        lead, tail: white space before each member and before the closing brace, for an object that has no member to learn from.
    """
    found, is_whole = members_of(text)
    last = {member.key: member for member in found}
    begin = text.find("{")
    if found:
        lead = text[begin + 1 : found[0].begin]
        tail = text[found[-1].end : text.rfind("}")] if is_whole else tail if "\n" in lead else ""
    gap = _gap(text, found[0]) if found else ": "
    parts = []
    for member in found:
        if member.key in drops:
            continue
        is_set = member.key in sets and last[member.key] is member
        head = quoted(names[member.key]) + gap if names and member.key in names else text[member.begin : member.value]
        parts.append(head + (sets[member.key] if is_set else text[member.value : member.end]))
    parts += [quoted(key) + gap + value for key, value in sets.items() if key not in last]
    end = text[text.rfind("}") + 1 :] if is_whole else ""
    return "{" + (lead + ("," + lead).join(parts) + tail if parts else "") + "}" + end


def _gap(text: str, member: Member) -> str:
    _, end = _decode(text, member.begin)
    return text[end : member.value]


def quoted(text: str) -> str:
    """A string as JSON text, as the program writes it: letters as they are, halves of surrogate pairs escaped."""
    return _HALVES.sub(_half, json.dumps(text, ensure_ascii=False))


def _half(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def value_text(value: Any, lead: str) -> str:
    """A value as JSON text, indented to stand behind a member that begins with the white space `lead`."""
    indent = lead.rpartition("\n")[2] if "\n" in lead else None
    if indent is None:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    else:
        step = "\t" if "\t" in indent else 2
        text = json.dumps(value, ensure_ascii=False, indent=step).replace("\n", f"\n{indent}")
    return _HALVES.sub(_half, text)


def lead_of(text: str) -> str:
    """The white space before the first member of an object; that of two spaces when it has none."""
    found, _ = members_of(text)
    return text[text.find("{") + 1 : found[0].begin] if found else "\n  "
