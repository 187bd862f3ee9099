"""Entries of a transcript as templates need them: who speaks, what state a turn is in, which turn an answer belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sessions_app.web.words import RUN_STATES

MARKER_WORDS = {
    "session.reset": "Reset",
    "session.restored": "Restored",
    "session.branched": "Branched",
    "checkpoint.restored": "Restored to a checkpoint",
    "position.restored": "Restored to a message",
}


@dataclass(frozen=True, slots=True)
class TurnState:
    """What a person's message says about its answer."""

    words: str
    colour: str
    icon: str
    can_stop: bool
    can_retry: bool
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """Why an answer ends early."""

    words: str
    colour: str
    detail: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry, ready for `_entry.html`."""

    entry: Mapping[str, Any]
    template: str
    turn: TurnState | None = None
    cut: Cut | None = None
    answers_seq: int | None = None
    marker: str = ""


def shown_entries(entries: Iterable[Mapping[str, Any]]) -> list[Shown]:
    """Each entry with what its template needs.

    Args:
        entries: ENTRY rows of `selectors.transcript.history`, ascending.
    """
    result: list[Shown] = []
    asked: int | None = None
    for entry in entries:
        result.append(_shown(entry, asked))
        if entry["role"] == "user":
            asked = entry["seq"]
    return result


def _shown(entry: Mapping[str, Any], asked: int | None) -> Shown:
    kind, role = entry["kind"], entry["role"]
    if kind == "marker" and entry["data"].get("type") == "unreadable":
        return Shown(entry, "_gap.html")
    if kind == "marker":
        return Shown(entry, "_marker.html", marker=MARKER_WORDS.get(str(entry["data"].get("type")), "Note"))
    if kind == "message" and role == "user":
        return Shown(entry, "_message.html", turn=_turn_state(entry))
    if kind == "message" and role == "assistant":
        run = entry.get("run") or {}
        input_seq = run.get("inputSeq")
        other_turn = input_seq if input_seq and asked is not None and input_seq != asked else None
        return Shown(entry, "_message.html", cut=cut_of(entry), answers_seq=other_turn)
    return Shown(entry, "_summary.html" if kind == "compaction" else "_aside.html")


def _turn_state(entry: Mapping[str, Any]) -> TurnState:
    run = entry.get("run")
    if not run:
        return TurnState("Stored", "ok", "check", can_stop=False, can_retry=False, is_waiting=False)
    state = run["state"]
    words, colour, icon = RUN_STATES[state]
    is_open = state in ("queued", "running")
    # An answer that was cut short carries its own Retry.
    can_retry = state in ("failed", "aborted", "interrupted", "withdrawn") and not run.get("answerSeq")
    return TurnState(words, colour, icon, can_stop=is_open, can_retry=can_retry, is_waiting=state == "queued")


def cut_of(entry: Mapping[str, Any]) -> Cut | None:
    """Why this answer ends early; None when it is whole, or no answer."""
    data = entry["data"]
    error = data.get("error") or (entry.get("run") or {}).get("error") or {}
    match data.get("state"):
        case "aborted":
            return Cut("Stopped", "wait", "This much is kept.")
        case "interrupted":
            return Cut("Interrupted", "wait", "by a restart. This much is kept.")
        case "error":
            return Cut(
                "Not finished", "bad", str(error.get("message") or "The agent could not go on. This much is kept.")
            )
    return None
