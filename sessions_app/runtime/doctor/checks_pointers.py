"""Pointers: each conversation has a current session of its own, which has not ended; all its others have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sessions_app.runtime.doctor.findings import Finding, Severity
from sessions_app.runtime.doctor.source import Source, as_key, id_of, text_of
from sessions_app.values import Json


def pointers(source: Source) -> Iterator[Finding]:
    """Check every conversation's current session."""
    for row in source.rows(_CONVERSATIONS):
        conversation, key, current, owner, ended_at = (as_key(value) for value in row)
        where: Json = {"sessionKey": text_of(key)}
        if current is None:
            yield _mend(source, "pointer_missing", "The conversation has no current session.", where, row)
        elif owner is None and source.rows("SELECT 1 FROM sessions_app_entry WHERE session_id = ? LIMIT 1", [current]):
            continue  # it has entries: it is found, and made again, as a missing session
        elif owner is None:
            words = "The current session of the conversation does not exist."
            yield _mend(source, "pointer_dangling", words, {**where, "sessionId": id_of(current)}, row)
        elif owner != conversation:
            words = "The current session of the conversation belongs to another conversation."
            yield _mend(source, "pointer_foreign", words, {**where, "sessionId": id_of(current)}, row)
        elif ended_at is not None:
            yield Finding(
                "pointer_to_ended",
                "The current session of the conversation is marked as ended.",
                Severity.BROKEN,
                {**where, "sessionId": id_of(current)},
                "The mark is taken off; the session stays the current one.",
                {"do": "reopen", "sessionId": id_of(current)},
            )


def archives(source: Source) -> Iterator[Finding]:
    """Find sessions that are not current and not marked as ended either: no list of archives would show them."""
    for session, key in source.rows(_STRAYS):
        yield Finding(
            "archive_unmarked",
            "The session is neither current nor archived, so no list shows it.",
            Severity.BROKEN,
            {"sessionKey": text_of(key), "sessionId": id_of(session)},
            "It is marked as archived, so that it is listed and can be restored.",
            {"do": "archive", "sessionId": id_of(session)},
        )


def counts(source: Source) -> Iterator[Finding]:
    """The conversation's own counts against its rows."""
    for conversation, key, sessions, checkpoints, has_sessions, has_checkpoints in source.rows(_COUNTS):
        was = {"session_count": sessions, "checkpoint_count": checkpoints}
        right = {"session_count": has_sessions, "checkpoint_count": has_checkpoints}
        if was != right:
            yield Finding(
                "counts_wrong",
                f"The conversation counts {sessions} sessions and {checkpoints} checkpoints, but has {has_sessions} and {has_checkpoints}.",
                Severity.UNTIDY,
                {"sessionKey": text_of(key)},
                "The counts are set to what is there.",
                {"do": "counts", "conversationId": id_of(conversation), "was": was, "right": right},
            )


def _mend(source: Source, code: str, words: str, where: Json, row: tuple[Any, ...]) -> Finding:
    """Which of its own sessions the conversation goes on with: one that never ended, else the one that ended last."""
    found = source.rows(_CANDIDATES, [as_key(row[0])])
    chosen = id_of(found[0][0]) if found else None
    plan = f"Session {chosen} becomes current again." if chosen else "It gets a new, empty session."
    current = as_key(row[2])
    repair: Json = {"do": "pointer", "conversationId": id_of(row[0]), "was": current and id_of(current), "to": chosen}
    return Finding(code, words, Severity.BROKEN, where, plan, repair)


_CONVERSATIONS = """
    SELECT c.id, c.key, c.current_session_id, s.conversation_id, s.ended_at
    FROM sessions_app_conversation c LEFT JOIN sessions_app_session s ON s.id = c.current_session_id ORDER BY c.id
"""
_STRAYS = """
    SELECT s.id, c.key FROM sessions_app_session s JOIN sessions_app_conversation c ON c.id = s.conversation_id
    LEFT JOIN sessions_app_session p ON p.id = c.current_session_id
    WHERE s.ended_at IS NULL AND s.id <> c.current_session_id AND p.conversation_id = c.id ORDER BY s.id
"""
_COUNTS = """
    SELECT c.id, c.key, c.session_count, c.checkpoint_count,
        (SELECT COUNT(*) FROM sessions_app_session s WHERE s.conversation_id = c.id),
        (SELECT COUNT(*) FROM sessions_app_checkpoint k WHERE k.conversation_id = c.id)
    FROM sessions_app_conversation c ORDER BY c.id
"""
_CANDIDATES = """
    SELECT id FROM sessions_app_session WHERE conversation_id = ?
    ORDER BY CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END, ended_at DESC, last_entry_at DESC, started_at DESC, id LIMIT 1
"""
