"""Work that nobody does any more: answers and spans without a server, messages that wait where nobody answers, hooks given up."""

from __future__ import annotations

from collections.abc import Iterator

from sessions_app.runtime.doctor.findings import Finding, Severity
from sessions_app.runtime.doctor.source import Source, id_of, text_of
from sessions_app.values import Json


def runs_without_owner(source: Source, *, is_served: bool) -> Iterator[Finding]:
    """Find answers that say they run though nobody runs them.

    Args:
        source: the database.
        is_served: whether a server runs on it; then only what no living server owns is found.
    """
    for run, session, key, seq in source.rows(_RUNS + (_OWNER_GONE if is_served else "")):
        yield Finding(
            "run_without_owner",
            "An answer is marked as running, but no server runs it.",
            Severity.BROKEN,
            {"sessionKey": text_of(key), "sessionId": id_of(session), "seq": seq, "runId": id_of(run)},
            "It is marked as interrupted, and what it had becomes an entry. The next start would do the same.",
            {"do": "interrupt", "runId": id_of(run)},
        )


def spans_without_owner(source: Source, *, is_served: bool) -> Iterator[Finding]:
    """Find sessions that say they are open though no server has them open; arguments as `runs_without_owner`."""
    for span, session, key in source.rows(_SPANS + (_OWNER_GONE if is_served else "")):
        yield Finding(
            "span_without_owner",
            "The session is marked as open on a server that is gone.",
            Severity.UNTIDY,
            {"sessionKey": text_of(key), "sessionId": id_of(session), "spanId": id_of(span)},
            "It is marked as closed by a crash, and session_end is told to the hooks. The next start would do the same.",
            {"do": "close_span", "spanId": id_of(span)},
        )


def runs_in_archives(source: Source) -> Iterator[Finding]:
    """Find messages that wait for an answer in sessions that are archived: they would be answered where nobody looks."""
    for run, session, key, seq in source.rows(_QUEUED_ARCHIVED):
        yield Finding(
            "run_in_archive",
            "A message waits for its answer in an archived session.",
            Severity.BROKEN,
            {"sessionKey": text_of(key), "sessionId": id_of(session), "seq": seq, "runId": id_of(run)},
            "The answer is withdrawn; the message stays where it is.",
            {"do": "withdraw", "runId": id_of(run)},
        )


def hooks_dead(source: Source) -> Iterator[Finding]:
    """Find subscribers to whom hooks could not be delivered."""
    for subscriber, number in source.rows(_DEAD):
        name = text_of(subscriber)
        where: Json = {"subscriber": name}
        yield Finding(
            "hooks_undelivered",
            f"{number:,} hook events could not be delivered to {name}, and are not tried any more.",
            Severity.BROKEN,
            where,
            "They are tried again, with the same event ids.",
            {"do": "redeliver", **where},
        )


_RUNS = """
    SELECT r.id, r.session_id, c.key, r.input_seq FROM sessions_app_run r
    LEFT JOIN sessions_app_session s ON s.id = r.session_id LEFT JOIN sessions_app_conversation c ON c.id = s.conversation_id
    LEFT JOIN sessions_app_serverinstance i ON i.id = r.instance_id WHERE r.state = 'running'
"""
_SPANS = """
    SELECT p.id, p.session_id, c.key FROM sessions_app_span p
    LEFT JOIN sessions_app_session s ON s.id = p.session_id LEFT JOIN sessions_app_conversation c ON c.id = s.conversation_id
    LEFT JOIN sessions_app_serverinstance i ON i.id = p.instance_id WHERE p.closed_at IS NULL
"""
_OWNER_GONE = " AND (i.id IS NULL OR i.stopped_at IS NOT NULL)"
_QUEUED_ARCHIVED = """
    SELECT r.id, r.session_id, c.key, r.input_seq FROM sessions_app_run r
    JOIN sessions_app_session s ON s.id = r.session_id JOIN sessions_app_conversation c ON c.id = s.conversation_id
    WHERE r.state = 'queued' AND s.id <> c.current_session_id AND s.ended_at IS NOT NULL
"""
_DEAD = "SELECT subscriber, COUNT(*) FROM sessions_app_hookdelivery WHERE state = 'dead' GROUP BY subscriber ORDER BY subscriber"
