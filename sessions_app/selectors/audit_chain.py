"""How an audit row is hashed into the chain; the writer and the verifier both ask here."""

from __future__ import annotations

from sessions_app.canonical import digest
from sessions_app.models import AuditEvent

GENESIS_HASH = "0" * 64
AUDIT_COLUMNS = (
    "seq",
    "type",
    "outcome",
    "actor_kind",
    "actor_id",
    "actor_label",
    "trigger",
    "session_key",
    "old_session_id",
    "new_session_id",
    "reason",
    "request_id",
    "data",
    "prev_hash",
)


def audit_hash(event: AuditEvent) -> str:
    """The link of one row: SHA-256 over every column it has, the hash of the row before among them."""
    body = {name: getattr(event, name) for name in AUDIT_COLUMNS}
    return digest({**body, "created_at": event.created_at.isoformat()})
