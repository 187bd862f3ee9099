"""Words for what the protocol says in codes. Pages show words; codes stay in URLs and attributes."""

from __future__ import annotations

from typing import Any

TRIGGERS = {
    "ui-button": "button",
    "slash-command": "typed command",
    "rpc": "program",
    "cli": "command line",
    "admin": "admin page",
    "recovery": "recovery",
    "import": "import",
    "schedule": "schedule",
}

STARTS = {
    "new": "Started",
    "reset": "Started",
    "restore": "Restored",
    "branch": "Branched",
    "resume": "Resumed",
    "import": "Imported",
}

ENDS = {
    "reset": "Reset",
    "restore": "Restore",
    "shutdown": "Closed at shutdown",
    "restart": "Closed at a restart",
    "crash": "Closed after a crash",
    "idle": "Closed when idle",
    "deleted": "Deleted",
}

# What happened under a key, as its timeline says it.
MOVES = {
    "conversation.created": "Created",
    "session.reset": "Reset",
    "session.restored": "Restored",
    "session.branched": "Branched",
    "session.compacted": "Compacted",
    "session.adopted": "Adopted",
    "session.imported": "Imported",
    "checkpoint.created": "Checkpoint",
    "crash": "Interrupted: the server ended without a word",
    "restart": "Interrupted by a restart",
    "shutdown": "Closed: the server was stopped",
    "interrupted": "Answer interrupted",
}

AUDIT_TYPES = {
    "session.reset": "Reset",
    "session.restored": "Restore",
    "session.branched": "Branch",
    "session.adopted": "Adopted from elsewhere",
    "session.compacted": "Compaction",
    "session.opened": "Opened by another",
    "session.exported": "Exported",
    "session.imported": "Imported",
    "store.repaired": "Repaired in place",
    "store.repair_undone": "Repair undone",
    "checkpoint.created": "Checkpoint made",
    "checkpoint.changed": "Checkpoint renamed",
    "conversation.created": "Conversation created",
    "conversation.changed": "Conversation changed",
    "token.created": "Token made",
    "token.revoked": "Token revoked",
    "signin_link.created": "Sign-in link made",
    "user.signed_in": "Signed in",
    "user.locked_out": "Locked out",
    "user.created": "User created",
    "user.changed": "User changed",
    "hook.redelivered": "Hook delivered again",
    "gateway.restarted": "Restart",
    "doctor.applied": "Repair",
}

OUTCOMES = {"ok": "Done", "refused": "Refused", "failed": "Failed"}
OUTCOME_STATES = {"ok": "ok", "refused": "wait", "failed": "bad"}

# Why a server should not be given work: headline, and what it means.
NOT_READY = {
    "starting": "No server runs behind this page, or it has not finished starting.",
    "draining": "Stopping: answers under way may finish or are kept, new messages wait for the next start.",
    "migrations_missing": "The database lacks changes that this version needs. Start this version once.",
    "storage_unavailable": "The database does not take writes: the disk is full or gone, or somebody holds its lock. Nothing acknowledged is lost.",
}

ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

LIFE_ENDS = {"running": "Running", "restart": "Restarted", "stop": "Stopped", "crash": "Ended without a word"}
LIFE_STATES = {"running": "live", "restart": "ok", "stop": "ok", "crash": "bad"}

HOOKS = {
    "session_start": "Session started",
    "session_end": "Session ended",
    "before_reset": "Before a reset",
    "run_end": "Answer ended",
}
SEVERITIES = {"loss": "Lost", "broken": "Broken", "untidy": "Untidy"}
SEVERITY_STATES = {"loss": "bad", "broken": "bad", "untidy": "wait"}
STORED = {
    "entries": "Messages",
    "sessions": "Sessions",
    "runs": "Turns",
    "events": "Client events",
    "hooks": "Hooks",
    "audit": "Audit log",
    "receipts": "Receipts",
    "search": "Search index",
    "other": "Everything else",
}

SCOPES = {
    "read": "Read: look at conversations and follow them",
    "write": "Write: send messages, reset, restore, branch",
    "admin": "Admin: manage people and the server, where you may",
}

SIGN_INS = {"link": "One-time link", "password": "Password"}

ROLES = {"user": "a person", "assistant": "the agent", "system": "the system"}

KINDS = {"chat": "Chat", "cron": "Scheduled", "import": "Imported", "system": "System"}

# What a user's message says about its answer: words, colour of the state, icon (none: a dot).
RUN_STATES: dict[str, tuple[str, str, str]] = {
    "queued": ("Queued", "wait", "clock"),
    "running": ("Answering", "live", ""),
    "done": ("Answered", "ok", "check"),
    "failed": ("Not answered", "bad", ""),
    "aborted": ("Stopped", "wait", ""),
    "interrupted": ("Interrupted", "wait", ""),
    "withdrawn": ("Withdrawn", "wait", ""),
}

RUN_SHORT = {"interrupted": "interrupted", "failed": "not answered"}

CODE_LANGUAGES = {
    "": "Text",
    "text": "Text",
    "sh": "Shell",
    "bash": "Shell",
    "shell": "Shell",
    "console": "Console",
    "py": "Python",
    "python": "Python",
    "js": "JavaScript",
    "javascript": "JavaScript",
    "ts": "TypeScript",
    "typescript": "TypeScript",
    "json": "JSON",
    "yaml": "YAML",
    "yml": "YAML",
    "toml": "TOML",
    "html": "HTML",
    "css": "CSS",
    "sql": "SQL",
    "c": "C",
    "cpp": "C++",
    "go": "Go",
    "rust": "Rust",
    "rs": "Rust",
    "java": "Java",
    "diff": "Diff",
    "md": "Markdown",
    "xml": "XML",
}


def by_way(actor: Any, trigger: Any) -> str:
    """`by ana · button`, or as much of it as is known; what was brought from elsewhere was not done by who brought it."""
    if str(trigger or "") == "import" and actor:
        return f"(brought in by {actor})"
    who = f"by {actor}" if actor else ""
    way = TRIGGERS.get(str(trigger or ""), str(trigger or ""))
    return " · ".join(part for part in (who, way) if part)
