"""Everything that has a fixed set of names."""

from __future__ import annotations

from enum import StrEnum


class ActorKind(StrEnum):
    """Who can be accountable for a change."""

    USER = "user"
    TOKEN = "token"  # noqa: S105 - a kind of actor, not a secret
    SYSTEM = "system"


class Scope(StrEnum):
    """What a program's token may ask for at most."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)


class Trigger(StrEnum):
    """What set a change off; set by the transport, never believed from the wire."""

    UI_BUTTON = "ui-button"
    SLASH_COMMAND = "slash-command"
    RPC = "rpc"
    CLI = "cli"
    ADMIN = "admin"
    RECOVERY = "recovery"
    IMPORT = "import"
    SCHEDULE = "schedule"


class Outcome(StrEnum):
    """How an audited attempt ended."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


class ConversationKind(StrEnum):
    """What a conversation is for; lists show `chat` first."""

    CHAT = "chat"
    CRON = "cron"
    IMPORT = "import"
    SYSTEM = "system"


class EntryKind(StrEnum):
    """What one item of a transcript is."""

    MESSAGE = "message"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    COMPACTION = "compaction"
    MARKER = "marker"


class Role(StrEnum):
    """Whose words a message entry holds."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class RunState(StrEnum):
    """Life of one execution attempt of a turn. The last five are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"
    WITHDRAWN = "withdrawn"


OPEN_RUN_STATES = (RunState.QUEUED, RunState.RUNNING)


class EndReason(StrEnum):
    """Why a session stopped being current, or a span stopped being open."""

    RESET = "reset"
    RESTORE = "restore"
    SHUTDOWN = "shutdown"
    RESTART = "restart"
    CRASH = "crash"
    IDLE = "idle"
    DELETED = "deleted"


class StartReason(StrEnum):
    """Why a session began, or a span was opened."""

    NEW = "new"
    RESET = "reset"
    RESTORE = "restore"
    BRANCH = "branch"
    RESUME = "resume"
    IMPORT = "import"


class CheckpointKind(StrEnum):
    """Who asked for a checkpoint: a person, or the server before a compaction."""

    MANUAL = "manual"
    AUTO = "auto"


class HookType(StrEnum):
    """What subscribers of lifecycle hooks are told (docs/hooks.md)."""

    SESSION_START = "session_start"
    SESSION_END = "session_end"
    BEFORE_RESET = "before_reset"
    RUN_END = "run_end"
    COMPACTION = "compaction"


class DeliveryState(StrEnum):
    """Life of one delivery; `dead` waits for a person."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


class EventType(StrEnum):
    """Names of the numbered events a client replays (docs/protocol.md)."""

    CHAT = "chat"
    ENTRY_ADDED = "entry.added"
    RUN_CHANGED = "run.changed"
    SESSION_RESET = "session.reset"
    SESSION_RESTORED = "session.restored"
    SESSION_BRANCHED = "session.branched"
    CHECKPOINT_CHANGED = "checkpoint.changed"
    CONVERSATION_CHANGED = "conversation.changed"


class AuditType(StrEnum):
    """Names of what the audit log records."""

    SESSION_RESET = "session.reset"
    SESSION_RESTORED = "session.restored"
    SESSION_BRANCHED = "session.branched"
    SESSION_ADOPTED = "session.adopted"
    SESSION_COMPACTED = "session.compacted"
    SESSION_OPENED = "session.opened"
    SESSION_EXPORTED = "session.exported"
    SESSION_IMPORTED = "session.imported"
    STORE_REPAIRED = "store.repaired"
    STORE_REPAIR_UNDONE = "store.repair_undone"
    CHECKPOINT_CREATED = "checkpoint.created"
    CHECKPOINT_CHANGED = "checkpoint.changed"
    CONVERSATION_CREATED = "conversation.created"
    CONVERSATION_CHANGED = "conversation.changed"
    TOKEN_CREATED = "token.created"  # noqa: S105
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    SIGN_IN_LINK_CREATED = "signin_link.created"
    SIGNED_IN = "user.signed_in"
    LOCKED_OUT = "user.locked_out"
    HOOK_REDELIVERED = "hook.redelivered"
    GATEWAY_RESTARTED = "gateway.restarted"
    DOCTOR_APPLIED = "doctor.applied"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
