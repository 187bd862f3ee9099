"""Edits of a plan into the text of an index."""

from __future__ import annotations

from sessions_app.rescue.repair.desk import index_text
from sessions_app.rescue.repair.json_text import lead_of, members_of, object_edited, value_text
from sessions_app.values import Json


def index_edited(raw: bytes, edits: list[Json], now_ms: int) -> bytes:
    """An index with some rows changed; all others keep their bytes.

    Args:
        raw: the index; of a damaged one the rows before the damage are taken.
        edits: {key, sets, drops, touch, rename?} each.
        now_ms: what the members in `touch` become.
    """
    text = index_text(raw)
    lead = lead_of(text)
    inner = lead + ("\t" if "\t" in lead else "  ") if "\n" in lead else lead
    found, _ = members_of(text)
    rows = {member.key: text[member.value : member.end] for member in found}
    sets: dict[str, str] = {}
    names: dict[str, str] = {}
    for edit in edits:
        values = edit["sets"] | dict.fromkeys(edit["touch"], now_ms)
        row = rows.get(edit["key"], "{}")
        row_lead = lead_of(row) if members_of(row)[0] else inner
        texts = {name: value_text(value, row_lead) for name, value in values.items()}
        tail = lead if "\n" in lead else ""
        sets[edit["key"]] = object_edited(row, texts, frozenset(edit["drops"]), lead=inner, tail=tail)
        if edit.get("rename"):
            names[edit["key"]] = edit["rename"]
    return object_edited(text, sets, names=names).encode("utf-8", "surrogateescape")
