"""One good call of every method, and one that is refused: the table that the tests of all methods walk over."""

from __future__ import annotations

from uuid import UUID

from sessions_app.selectors.people import token_actor
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.reading import session_open
from sessions_app.services.reset import reset_preview
from sessions_app.services.restart import restart_preview
from sessions_app.values import Json
from tests.support.world import World, request_id

NOWHERE = "agent:main:nowhere"


class Place:
    """Ana's conversation with an answered turn, a failed one, a checkpoint, and an archived session."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = world.key
        self.caller = world.ana
        world.talk("before")
        self.archived = str(world.current)
        world.reset()
        self.run_id = world.talk("hello")["runId"]
        self.session_id = str(world.current)
        made = world.do(checkpoint_create, session_key=world.key, session_id=world.current, label="here")
        self.checkpoint_id = made["checkpointId"]

    def called_with(self, token: str) -> str:
        """Have a program call: a confirmation is good for whoever asked for it."""
        self.caller = token_actor(token)
        for session in (self.archived, self.session_id):
            wanted = {"session_key": self.key, "session_id": UUID(session), "reason": "ticket 7"}
            self.world.do(session_open, self.caller, **wanted)
        return token

    def params(self, method: str) -> Json:
        """Parameters with which the caller succeeds."""
        wanted = {name: value for name, value in self._all(method).items() if name in FIELDS[method]}
        return {**wanted, **({"requestId": request_id()} if "requestId" in FIELDS[method] else {})}

    def _all(self, method: str) -> Json:
        confirmation = ""
        if method == "sessions.reset":
            confirmation = reset_preview(self.caller, session_key=self.key)["token"]
        if method == "gateway.restart" and self.caller.user_id == self.world.admin.user_id:
            confirmation = restart_preview(self.caller)["token"]
        old = method.startswith("archives.")
        return {
            "sessionKey": self.key,
            "sessionId": self.archived if old else self.session_id,
            "expectedCurrentSessionId": self.session_id,
            "checkpointId": self.checkpoint_id,
            "runId": self.run_id,
            "message": "hello again",
            "idempotencyKey": request_id(),
            "confirmation": confirmation,
            "dead": True,
            "query": "hello",
            "reason": "ticket 7",
            "otherId": self.archived,
        }

    def refused(self, method: str) -> Json:
        """Parameters of the right shape that name a conversation which is not there."""
        return {**self.params(method), **({"sessionKey": NOWHERE} if "sessionKey" in FIELDS[method] else {})}


# the protocol's words, as DESIGN 4 has them; "sessions.get" by key
FIELDS: dict[str, set[str]] = {
    "chat.send": {"sessionKey", "sessionId", "message", "idempotencyKey"},
    "chat.history": {"sessionKey"},
    "chat.abort": {"sessionKey", "runId"},
    "chat.retry": {"sessionKey", "sessionId", "runId", "requestId"},
    "events.sync": {"sessionKey"},
    "sessions.list": set(),
    "sessions.get": {"sessionKey"},
    "sessions.open": {"sessionKey", "sessionId", "reason", "requestId"},
    "access.list": set(),
    "sessions.create": {"requestId"},
    "sessions.patch": {"sessionKey", "requestId"},
    "sessions.reset.preview": {"sessionKey"},
    "sessions.reset": {"sessionKey", "sessionId", "confirmation", "requestId"},
    "sessions.compact": {"sessionKey", "sessionId", "requestId"},
    "sessions.moves": {"sessionKey"},
    "sessions.compare": {"sessionId", "otherId"},
    "archives.list": {"sessionKey"},
    "archives.preview": {"sessionKey", "sessionId"},
    "archives.restore": {"sessionKey", "sessionId", "expectedCurrentSessionId", "requestId"},
    "checkpoints.create": {"sessionKey", "sessionId", "requestId"},
    "checkpoints.list": {"sessionKey"},
    "checkpoints.preview": {"sessionKey", "checkpointId"},
    "checkpoints.restore": {"sessionKey", "checkpointId", "expectedCurrentSessionId", "requestId"},
    "checkpoints.branch": {"sessionKey", "checkpointId", "requestId"},
    "audit.list": set(),
    "audit.verify": set(),
    "hooks.list": set(),
    "hooks.redeliver": {"dead", "requestId"},
    "search.query": {"query", "sessionKey"},
    "search.where": {"query"},
    "gateway.status": set(),
    "gateway.restart.preview": set(),
    "gateway.restart": {"confirmation", "requestId"},
}

# what each payload holds at least (DESIGN 4, "Shapes that others rely on")
PAYLOADS: dict[str, set[str]] = {
    "chat.send": {"runId", "sessionKey", "sessionId", "entrySeq", "status", "duplicate"},
    "chat.history": {"sessionKey", "sessionId", "entries", "hasMore", "lastSeq"},
    "chat.abort": {"aborted", "runId"},
    "chat.retry": {"runId", "sessionKey", "sessionId", "entrySeq"},
    "events.sync": {"sessionKey", "sessionId", "lastEvent", "events"},
    "sessions.list": {"sessions", "nextCursor"},
    "sessions.get": {"sessionKey", "sessionId", "title", "entries", "updatedAt", "archivedCount", "checkpointCount"},
    "sessions.open": {"sessionKey", "sessionId", "readableUntil", "auditId"},
    "access.list": {"events", "nextCursor"},
    "sessions.create": {"sessionKey", "sessionId"},
    "sessions.patch": {"sessionKey", "sessionId", "title", "pinned", "locked"},
    "sessions.reset.preview": {
        "sessionKey",
        "sessionId",
        "entries",
        "lastSeq",
        "lastActivityAt",
        "kept",
        "cleared",
        "token",
        "expiresAt",
    },
    "sessions.reset": {"sessionKey", "oldSessionId", "newSessionId", "archived", "auditId"},
    "sessions.compact": {"checkpointId", "entrySeq", "tokensBefore", "tokensAfter"},
    "sessions.moves": {"sessionKey", "currentSessionId", "moves", "nextCursor"},
    "sessions.compare": {"one", "two", "common", "onlyOne", "onlyTwo"},
    "archives.list": {"archives", "nextCursor"},
    "archives.preview": {"comesBack", "stepsAside", "unchanged"},
    "archives.restore": {"sessionKey", "oldSessionId", "newSessionId", "auditId", "undo"},
    "checkpoints.create": {"checkpointId", "sessionId", "seq", "label"},
    "checkpoints.list": {"checkpoints"},
    "checkpoints.preview": {"comesBack", "stepsAside", "unchanged"},
    "checkpoints.restore": {"sessionKey", "oldSessionId", "newSessionId", "auditId", "undo"},
    "checkpoints.branch": {"sessionKey", "sessionId"},
    "audit.list": {"events", "nextCursor"},
    "audit.verify": {"ok", "events", "headHash"},
    "hooks.list": {"deliveries", "nextCursor"},
    "hooks.redeliver": {"redelivered"},
    "search.query": {"hits", "nextCursor", "lookedBackTo", "lag"},
    "search.where": {"readAs", "places"},
    "gateway.status": {"version", "instanceId", "ready", "reasons", "sockets", "runsRunning", "runsQueued"},
    "gateway.restart.preview": {"instanceId", "runsRunning", "runsQueued", "token", "expiresAt"},
    "gateway.restart": {"restarting", "instanceId", "auditId"},
}
