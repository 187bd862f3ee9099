"""Quarantine: a session that holds something unreadable opens read-only up to the damage. Nothing of it is changed or deleted.

The branches that show the damaged entry too are set aside with it; those that part before it are whole, and stay as they are.
"""

from __future__ import annotations

from uuid import UUID

from sessions_app.models import Conversation, Run, Session
from sessions_app.selectors.damage import DAMAGE_MAX_CHARS
from sessions_app.services._run_end import RunEnds
from sessions_app.services.audit import audit_record
from sessions_app.services.journal import Journal
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, AuditType, Call, Effects, EventType, RunState


@verb(keeps_receipt=False)
def session_quarantine(call: Call, *, session_id: UUID, from_seq: int, words: str) -> Answer:
    """Set a session aside from a position on, because a reader met damage there.

    Args:
        call: the system's.
        session_id: the session that owns the damaged entry.
        from_seq: the first entry that cannot be read.
        words: what is wrong, for a person.

    Returns:
        {quarantined: [sessionId]}; empty when all of it was known.

    Writes: Session and its branches, queued Runs withdrawn, AuditEvent +1, Event +1 for each conversation.
    """
    quarantined, effects = quarantine(session_id, from_seq, words)
    if not quarantined:
        return {"quarantined": []}, NO_EFFECTS
    first = quarantined[0]
    audit_record(
        call,
        AuditType.DOCTOR_APPLIED,
        session_key=first.conversation.key,
        old_session_id=first.pk,
        reason=words[:DAMAGE_MAX_CHARS],
        data={"quarantined": [str(session.pk) for session in quarantined], "fromSeq": from_seq},
    )
    return {"quarantined": [str(session.pk) for session in quarantined]}, effects


def quarantine(session_id: UUID, from_seq: int, words: str) -> tuple[list[Session], Effects]:
    """Set a session and the branches that share the damage aside; inside the caller's transaction.

    Messages that wait in them are withdrawn: nobody could answer them. A running answer ends by itself.

    Returns:
        The sessions for which this was news, and whom to tell.
    """
    touched: list[Session] = []
    wanted, seen = [session_id], {session_id}
    while wanted:
        here = wanted.pop()
        session = Session.objects.select_related("conversation").filter(pk=here).first()
        if session is not None and (session.damaged_from is None or from_seq < session.damaged_from):
            Session.objects.filter(pk=here).update(damaged_from=from_seq, damage=words[:DAMAGE_MAX_CHARS])
            touched.append(session)
        branches = set(Session.objects.filter(parent=here, parent_seq__gte=from_seq).values_list("pk", flat=True))
        wanted += branches - seen
        seen |= branches
    return touched, _told(touched)


def _told(sessions: list[Session]) -> Effects:
    """Withdraw what waits in these sessions, and have their pages look again."""
    journal = Journal()
    ends = RunEnds(journal)
    conversations = Conversation.objects.filter(pk__in={session.conversation_id for session in sessions})
    heads = {row.pk: (row, journal.head_of(row)) for row in conversations.select_for_update().order_by("pk")}
    for session in sessions:
        for run in Run.objects.filter(session=session, state=RunState.QUEUED):
            ends.withdraw(heads[session.conversation_id][1], run)
    for row, head in heads.values():
        journal.event(
            head, EventType.CONVERSATION_CHANGED, {"title": row.title, "pinned": row.pinned, "locked": row.locked}
        )
    ends.write()
    return journal.write()
