"""The replay law: what a client knows, plus the events after its cursor, is what a fresh read tells.

A client keeps each session's own entries apart, as events name the session; only references it has not seen are in an event.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from uuid import UUID

from sessions_app.models import Session
from sessions_app.selectors.checkpoints import checkpoint_list
from sessions_app.selectors.conversations import conversation_get
from sessions_app.selectors.events import events_since
from sessions_app.selectors.transcript import history
from sessions_app.values import Actor, Json

Place = tuple[str, int]


@dataclass
class Client:
    """What a page of one conversation shows.

    Attributes:
        cursor: number of the last event it has.
        session_id: the session it follows.
        names: title, pin and lock.
        entries: (kind, role, text, data) by session id and seq.
        turns: newest attempt and its state, by the place of the user entry.
        checkpoints: (session id, seq, label) by id.
    """

    cursor: int
    session_id: str
    names: Json
    entries: dict[Place, tuple[object, ...]] = field(default_factory=dict)
    turns: dict[Place, tuple[str, str]] = field(default_factory=dict)
    checkpoints: dict[str, tuple[object, ...]] = field(default_factory=dict)

    def take(self, event: Json) -> None:
        """Fold one event in."""
        assert event["eventSeq"] == self.cursor + 1
        self.cursor = event["eventSeq"]
        payload = event["payload"]
        match event["type"]:
            case "entry.added":
                self._entry(payload["entry"])
            case "run.changed":
                place = (payload["sessionId"], payload["inputSeq"])
                if payload["state"] == "queued" or self.turns[place][0] == payload["runId"]:
                    self.turns[place] = (payload["runId"], payload["state"])
            case "chat":
                self._ended(payload)
            case "session.reset" | "session.restored":
                assert payload["oldSessionId"] == self.session_id
                self.session_id = payload["newSessionId"]
            case "checkpoint.changed":
                where = (payload["sessionId"], payload["seq"], payload["label"])
                self.checkpoints[payload["checkpointId"]] = where
            case "conversation.changed":
                self.names = {name: payload[name] for name in self.names}
            case other:
                assert other == "session.branched"

    def _entry(self, entry: Json) -> None:
        place = (entry["sessionId"], entry["seq"])
        assert place not in self.entries
        self.entries[place] = _shown(entry)
        if entry["role"] == "user":
            self.turns[place] = (entry["runId"], "queued")

    def _ended(self, payload: Json) -> None:
        """The final state of an answer; its text is the stored entry's."""
        states = {"final": "done", "error": "failed"}
        for place, (run_id, _) in self.turns.items():
            if run_id == payload["runId"]:
                self.turns[place] = (run_id, states.get(payload["state"], payload["state"]))
        if payload["entrySeq"] is not None:
            assert self.entries[payload["sessionId"], payload["entrySeq"]][2] == payload["text"]

    def caught_up(self, actor: Actor, key: str, *, page: int = 7) -> Client:
        """A copy of this client after it replayed all that it has missed, page by page."""
        client = copy.deepcopy(self)
        has_more = True
        while has_more:
            missed = events_since(actor, session_key=key, after_event=client.cursor, limit=page)
            for event in missed["events"]:
                client.take(event)
            assert missed["lastEvent"] == client.cursor
            has_more = missed["hasMore"]
        return client


def fresh_client(actor: Actor, key: str) -> Client:
    """What a page that is opened now shows, read by selectors only: the cursor first, then the rows."""
    cursor = events_since(actor, session_key=key)["lastEvent"]
    row = conversation_get(actor, session_key=key)
    client = Client(cursor, row["sessionId"], {name: row[name] for name in ("title", "pinned", "locked")})
    for session_id in Session.objects.filter(conversation__key=key).values_list("pk", flat=True):
        for entry in all_entries(actor, key, session_id):
            place = (entry["sessionId"], entry["seq"])
            if entry["sessionId"] != str(session_id):
                continue  # the parent's; it may be of another conversation
            client.entries[place] = _shown(entry)
            if entry["role"] == "user":
                client.turns[place] = (entry["run"]["runId"], entry["run"]["state"])
    for made in checkpoint_list(actor, session_key=key)["checkpoints"]:
        client.checkpoints[made["checkpointId"]] = (made["sessionId"], made["seq"], made["label"])
    return client


def all_entries(actor: Actor, key: str, session_id: UUID, *, page: int = 20) -> list[Json]:
    """Every entry of a session by paging backwards through its history; the pages must fit together without a gap."""
    entries: list[Json] = []
    before: int | None = None
    has_more = True
    while has_more:
        shown = history(actor, session_key=key, session_id=session_id, before_seq=before, limit=page)
        entries = shown["entries"] + entries
        has_more, before = shown["hasMore"], entries[0]["seq"] if entries else None
    assert [entry["seq"] for entry in entries] == list(range(1, shown["lastSeq"] + 1))
    return entries


def _shown(entry: Json) -> tuple[object, ...]:
    return entry["kind"], entry["role"], entry["text"], str(entry["data"])
