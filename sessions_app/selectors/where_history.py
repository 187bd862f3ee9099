"""What happened to one session, in plain words and in order: moves, restarts, crashes, imports and turns that were cut off."""

from __future__ import annotations

import datetime
import json
from uuid import UUID

from sessions_app.models import AdoptedStrand, AuditEvent, ImportedAudit, Run, Session, Span
from sessions_app.selectors.wire import wire_time
from sessions_app.values import AuditType, EndReason, Json, Outcome, RunState, StartReason

AUDIT_LOOKED_AT = 500  # the newest of the conversation
EACH_MAX = 20
_CLOSED = {
    EndReason.CRASH: "The server ended without a word while this session was open. Everything acknowledged was kept.",
    EndReason.RESTART: "The server restarted while this session was open.",
    EndReason.SHUTDOWN: "The server was stopped while this session was open.",
}
_MOVES: tuple[str, ...] = (
    *(AuditType.SESSION_RESET, AuditType.SESSION_RESTORED, AuditType.SESSION_BRANCHED),
    *(AuditType.SESSION_ADOPTED, AuditType.SESSION_IMPORTED, AuditType.SESSION_COMPACTED),
)
_BEGAN: dict[str, str] = {
    StartReason.NEW: "Began.",
    StartReason.RESET: "Began as a new session.",
    StartReason.RESTORE: "Began from an earlier position.",
    StartReason.IMPORT: "Was imported.",
}


def session_story(session: Session) -> list[Json]:
    """The history of a session, oldest first; of an imported one also what happened to it elsewhere. Six queries; its conversation must be loaded.

    Returns:
        [{at, type, words, actor, trigger, reason, otherSessionId, seq}].
    """
    audits = [*_audits(session), *_elsewhere(session)]
    told = {event.type for event in audits if event.new_session_id == session.pk}
    moments = [_moved(session, event) for event in audits]
    if not told & {AuditType.SESSION_RESET, AuditType.SESSION_ADOPTED, AuditType.SESSION_IMPORTED}:
        moments.append(_began(session))
    if session.ended_at is not None and not any(event.old_session_id == session.pk for event in audits):
        by = (session.end_actor, session.end_trigger, "")
        moments.append(_moment(session.ended_at, "ended", "Was put into the archives.", by))
    moments += [*_imports(session), *_closings(session), *_cut_turns(session)]
    if session.last_entry_at is not None:
        words = f"The last entry was added, {session.messages:,} message{'' if session.messages == 1 else 's'} in all."
        moments.append(_moment(session.last_entry_at, "last", words, seq=session.last_seq))
    return sorted(moments, key=lambda moment: (moment["at"] or "", moment["type"] == "last"))


def _moment(
    at: datetime.datetime | None,
    kind: str,
    words: str,
    by: tuple[str, str, str] = ("", "", ""),
    *,
    other: UUID | None = None,
    seq: int | None = None,
) -> Json:
    return {
        "at": wire_time(at),
        "type": kind,
        "words": words,
        "actor": by[0],
        "trigger": by[1],
        "reason": by[2],
        "otherSessionId": str(other) if other else None,
        "seq": seq,
    }


def _audits(session: Session) -> list[AuditEvent]:
    """What the audit log says of this session's moves; that it was imported once. One query."""
    rows = AuditEvent.objects.filter(session_key=session.conversation.key, outcome=Outcome.OK)
    newest = rows.order_by("-seq").defer("data")[:AUDIT_LOOKED_AT]
    moves = [row for row in newest if row.type in _MOVES and session.pk in (row.old_session_id, row.new_session_id)]
    imports = [row for row in moves if row.type == AuditType.SESSION_IMPORTED]
    return [row for row in moves if row not in imports[:-1]]


def _elsewhere(session: Session) -> list[AuditEvent]:
    """What an import says of its moves in another place, as rows that are stored nowhere; lines nobody can read are left out. One query."""
    found = []
    rows = ImportedAudit.objects.filter(session_key=session.conversation.key).order_by("-pk")[:AUDIT_LOOKED_AT]
    for row in rows:
        if session.pk not in (row.old_session_id, row.new_session_id):
            continue
        try:
            line = json.loads(row.line)
            at = datetime.datetime.fromisoformat(line["created_at"])
            words = {name: str(line[name]) for name in ("type", "outcome", "actor_label", "trigger", "reason")}
        except (ValueError, KeyError, TypeError):
            continue
        if words["type"] in _MOVES and words["outcome"] == Outcome.OK and at.tzinfo is not None:
            ids = {"old_session_id": row.old_session_id, "new_session_id": row.new_session_id}
            found.append(AuditEvent(created_at=at, **words, **ids))
    return found


def _moved(session: Session, event: AuditEvent) -> Json:
    is_new = event.new_session_id == session.pk
    words = {
        (AuditType.SESSION_RESET, False): "Was archived: a new session began in its place.",
        (AuditType.SESSION_RESET, True): "Began as a new session; the one before was archived.",
        (AuditType.SESSION_RESTORED, False): "Stepped aside into the archives: another session was restored.",
        (AuditType.SESSION_RESTORED, True): "Was restored and became current.",
        (AuditType.SESSION_BRANCHED, False): "Another conversation was branched from it.",
        (AuditType.SESSION_BRANCHED, True): "Was branched from another session.",
        (AuditType.SESSION_ADOPTED, True): "Was adopted from another system.",
        (AuditType.SESSION_IMPORTED, True): "Was imported.",
        (AuditType.SESSION_COMPACTED, True): "Was compacted: a summary stands for earlier messages, which all stay.",
        (AuditType.SESSION_COMPACTED, False): "Was compacted: a summary stands for earlier messages, which all stay.",
    }.get((AuditType(event.type), is_new), "Changed.")
    other = event.old_session_id if is_new else event.new_session_id
    by = (event.actor_label, event.trigger, event.reason)
    return _moment(event.created_at, event.type, words, by, other=other if other != session.pk else None)


def _began(session: Session) -> Json:
    words = _BEGAN.get(session.start_reason, "Began.")
    if session.start_reason == StartReason.BRANCH or session.parent_id:
        words = f"Began from entry {session.parent_seq:,} of another session."
    by = (session.start_actor, session.start_trigger, "")
    return _moment(session.started_at, "began", words, by, other=session.parent_id)


def _imports(session: Session) -> list[Json]:
    """The files it came from. One query."""
    rows = AdoptedStrand.objects.filter(session=session).select_related("source").order_by("pk")[:EACH_MAX]
    return [_moment(row.created_at, "source", f"Came from {row.source.path} of {row.source.store}.") for row in rows]


def _closings(session: Session) -> list[Json]:
    """The stops of a server that it was open in. One query."""
    rows = Span.objects.filter(session=session, close_reason__in=list(_CLOSED)).order_by("-opened_at")[:EACH_MAX]
    return [_moment(row.closed_at, row.close_reason, _CLOSED[EndReason(row.close_reason)]) for row in rows]


def _cut_turns(session: Session) -> list[Json]:
    """The answers that a stop cut off. One query."""
    rows = Run.objects.filter(session=session, state=RunState.INTERRUPTED).defer("partial")
    words = "An answer was cut off by a stop; what it had said is kept."
    newest = rows.order_by("-input_seq", "-created_at")[:EACH_MAX]
    return [_moment(row.finished_at, "interrupted", words, seq=row.answer_seq or row.input_seq) for row in newest]
