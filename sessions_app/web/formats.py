"""How exports are written: a session as Markdown or JSON lines, the audit log as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sessions_app.selectors.export import DAMAGE_KIND
from sessions_app.values import Json
from sessions_app.web import words
from sessions_app.web.entries import MARKER_WORDS

AUDIT_COLUMNS = (
    "id", "timestamp", "type", "outcome", "actor", "actorKind", "actorId", "trigger", "sessionKey", "oldSessionId", "newSessionId",
    "reason", "requestId", "data", "hash", "prevHash",
)  # fmt: skip
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the wide ones too
_UNSAFE_IN_NAMES = re.compile(r"[^a-z0-9._-]+")
_NAME_MAX_CHARS = 80


def file_name(*parts: str, ending: str) -> str:
    """A file name every system takes: `holdfast-agent-main-main-600f198c.md`."""
    plain = "-".join(_UNSAFE_IN_NAMES.sub("-", part.lower()).strip("-.")[:_NAME_MAX_CHARS] for part in parts)
    return f"holdfast-{plain}.{ending}"


def json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """One JSON document a line."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def session_json_lines(facts: Json, entries: Iterable[Json]) -> Iterator[str]:
    """The facts of a session as the first line, then its entries as `chat.history` has them."""
    yield from json_lines([{"type": "session", **facts}])
    yield from json_lines({"type": "entry", **entry} for entry in entries)


def session_markdown(facts: Json, entries: Iterable[Json]) -> Iterator[str]:
    """A session to read: facts, then who said what and when. Agents write Markdown, so theirs stays; other text is kept whole."""
    yield f"# {_line(facts['title'] or facts['sessionKey'])}\n\n"
    yield f"- Conversation: `{facts['sessionKey']}`\n- Session: `{facts['sessionId']}`\n- Owner: {facts['owner']}\n"
    yield f"- Started: {utc(facts['startedAt'])}, {words.by_way(facts['startActor'], facts['startTrigger'])}\n"
    if facts["endedAt"]:
        yield f"- Archived: {utc(facts['endedAt'])}, {words.by_way(facts['endActor'], facts['endTrigger'])}\n"
    yield f"- Messages: {facts['messages']:,}\n- Digest: `{facts['digest']}`\n"
    for entry in entries:
        yield _entry_markdown(entry, str(facts["owner"]))


def _entry_markdown(entry: Json, owner: str) -> str:
    if entry["kind"] == DAMAGE_KIND:
        return f"\n---\n\n**{_line(entry['text'])}**\n"
    time, text = utc(entry["createdAt"]), entry["text"]
    if entry["kind"] == "message" and entry["role"] == "assistant":
        state = entry["data"].get("state", "final")
        cut = "" if state == "final" else f"\n\n*This answer was cut short ({state}).*"
        return f"\n## Agent, {time}\n\n{text}{cut}\n"
    if entry["kind"] == "message":
        who = owner if entry["role"] == "user" else "System"
        return f"\n## {_line(who)}, {time}\n\n{text}\n"
    if entry["kind"] == "marker":
        return f"\n---\n\n*{marker_words(entry['data'], '`')}, {time}*\n\n---\n"
    name = entry["data"].get("name")
    title = {"tool_call": "Tool call", "tool_result": "Tool result"}.get(entry["kind"], "Summary for the agent")
    if covers := entry["data"].get("coversSeq"):
        by = words.by_way(entry["data"].get("actor"), entry["data"].get("trigger"))
        title += f" of entries 1 to {covers:,}, {by}"
    return f"\n### {title}{f' `{_line(str(name))}`' if name else ''}, {time}\n\n{_fenced(text)}\n"


def marker_words(data: Json, quote: str = "") -> str:
    """What a marker tells, on one line; ids between `quote`s."""
    what = MARKER_WORDS.get(str(data.get("type")), "Note")
    ids = " to ".join(f"{quote}{data[name]}{quote}" for name in ("oldSessionId", "newSessionId") if data.get(name))
    reason = f", “{_line(str(data['reason']))}”" if data.get("reason") else ""
    return f"{what} {words.by_way(data.get('actor'), data.get('trigger'))}, {ids}{reason}"


def _fenced(text: str) -> str:
    """Text in a fence that is longer than any inside it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}\n{text}\n{fence}"


def utc(value: str | None) -> str:
    """A moment of the wire to read, in UTC."""
    return f"{value[:10]} {value[11:19]} UTC" if value else "unknown"


def _line(text: str) -> str:
    return " ".join(text.split())


def audit_csv(events: Iterable[Json]) -> Iterator[str]:
    """A table with a header; cells that a spreadsheet would take for a formula get an apostrophe before them."""
    row = io.StringIO()
    writer = csv.writer(row)
    for cells in _audit_rows(events):
        writer.writerow(cells)
        yield row.getvalue()
        row.seek(0)
        row.truncate()


def _audit_rows(events: Iterable[Json]) -> Iterator[Iterable[object]]:
    yield AUDIT_COLUMNS
    for event in events:
        whole = {**event, "data": json.dumps(event["data"], ensure_ascii=False)}
        yield [_harmless(whole[name]) for name in AUDIT_COLUMNS]


def _harmless(cell: object) -> object:
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA_STARTS):
        return f"'{cell}"
    return cell
