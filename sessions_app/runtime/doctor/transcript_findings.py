"""What the check of transcripts knows of a session, and the findings it makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sessions_app.runtime.doctor.findings import Finding, Severity
from sessions_app.runtime.doctor.source import id_of
from sessions_app.values import Json


@dataclass(slots=True)
class Stored:
    """A session's row."""

    key: Any
    session_key: str
    parent: Any
    parent_seq: int
    last_seq: int
    messages: int
    digest: str
    archived_seq: int | None
    archived_digest: str
    damaged_from: int | None

    @property
    def where(self) -> Json:
        """Its place in a finding."""
        return {"sessionKey": self.session_key, "sessionId": id_of(self.key)}


@dataclass(slots=True)
class Walk:
    """What was seen of a session's own entries up to their end or their first damage."""

    seq: int
    messages: int
    link: str
    archived_link: str = ""
    damaged_from: int | None = None
    words: str = ""


def counters_wrong(stored: Stored, walk: Walk) -> Iterator[Finding]:
    """The session's own row against its entries."""
    right: Json = {"last_seq": walk.seq, "messages": walk.messages, "digest": walk.link}
    if stored.archived_seq is not None and (walk.archived_link or "") != stored.archived_digest:
        right |= {
            "archived_seq": min(stored.archived_seq, walk.seq),
            "archived_digest": walk.archived_link or walk.link,
        }
        if not walk.archived_link:
            right["archived_seq"] = walk.seq
    was = {name: getattr(stored, name) for name in right}
    wrong = sorted(name for name, value in right.items() if was[name] != value)
    if wrong:
        yield Finding(
            "counters_wrong",
            f"The session's own numbers do not agree with its entries, which are whole: {', '.join(wrong)}.",
            Severity.BROKEN,
            stored.where,
            "The numbers are set to what the entries say; the old ones go into the audit log.",
            {"do": "counters", "sessionId": id_of(stored.key), "was": was, "right": right},
        )


def end_before_damage(stored: Stored, damaged_from: int | None) -> Iterator[Finding]:
    """A damaged session's last position, when it lies before entries that are whole: they would not be shown."""
    least = max(stored.parent_seq, (damaged_from or 0) - 1)
    if damaged_from is not None and stored.last_seq < least:
        yield Finding(
            "counters_wrong",
            f"The session's own last position, {stored.last_seq:,}, lies before entries of it that are whole.",
            Severity.BROKEN,
            stored.where,
            "It is set to the last entry before the damage; the old one goes into the audit log.",
            {
                "do": "counters",
                "sessionId": id_of(stored.key),
                "was": {"last_seq": stored.last_seq},
                "right": {"last_seq": least},
            },
        )


def transcript_damaged(stored: Stored, from_seq: int, words: str) -> Finding:
    """A session that is set aside from a position on."""
    up_to = f"is whole up to entry {from_seq - 1:,}" if from_seq > 1 else "has no whole entry before the damage"
    return Finding(
        "transcript_damaged",
        f"The session is damaged: {words}",
        Severity.LOSS,
        {**stored.where, "seq": from_seq},
        f"The session {up_to}; it is set aside, shows what can be read behind it, and takes no more messages. Nothing is deleted.",
        {"do": "quarantine", "sessionId": id_of(stored.key), "fromSeq": from_seq, "words": words},
    )
