"""Everything known about one session."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import Checkpoint, Run, Session
from sessions_app.selectors.checkpoints import checkpoint_json
from sessions_app.selectors.damage import damage_json
from sessions_app.selectors.lineage import segments
from sessions_app.selectors.wire import wire_time
from sessions_app.values import PAGE_MAX_ROWS, Actor, Json


def session_get(actor: Actor, *, session_id: UUID) -> Json:
    """The facts of one session, current or archived. Seven queries.

    Returns:
        {sessionKey, sessionId, title, owner, agent, kind, isCurrent, entries, messages, lastSeq, digest, startedAt, startReason,
        startActor, startTrigger, endedAt, endReason, endActor, endTrigger, archivedSeq, archivedDigest, parentSessionId, parentSeq,
        lineage: [{sessionId, fromSeq, toSeq}], branches: [{sessionKey, sessionId, parentSeq}], checkpoints, runs: {state: count},
        damage?: {fromSeq, words}}.

    Raises:
        NotFoundError: no such session.
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    session = access.session(actor, Action.VIEW, session_id)
    conversation = session.conversation
    branches = (
        Session.objects.select_related("conversation").filter(parent=session).order_by("-started_at")[:PAGE_MAX_ROWS]
    )
    checkpoints = Checkpoint.objects.filter(session=session).order_by("-created_at")[:PAGE_MAX_ROWS]
    runs = Run.objects.filter(session=session).values("state").annotate(count=Count("pk")).order_by("state")
    line = segments(session.pk)
    return {
        "sessionKey": conversation.key,
        "sessionId": str(session.pk),
        "title": conversation.title,
        "owner": conversation.owner.get_username(),
        "agent": conversation.agent,
        "kind": conversation.kind,
        "isCurrent": session.pk == conversation.current_session_id,
        "currentSessionId": str(conversation.current_session_id),
        "entries": session.last_seq,
        "messages": session.messages,
        "lastSeq": session.last_seq,
        "digest": session.digest,
        **session_ends(session),
        "archivedSeq": session.archived_seq,
        "archivedDigest": session.archived_digest,
        "lineage": [{"sessionId": str(s.session_id), "fromSeq": s.first, "toSeq": s.last} for s in line],
        "branches": [
            {"sessionKey": b.conversation.key, "sessionId": str(b.pk), "parentSeq": b.parent_seq} for b in branches
        ],
        "checkpoints": [checkpoint_json(checkpoint) for checkpoint in checkpoints],
        "runs": {row["state"]: row["count"] for row in runs},
        **damage_json(session),
    }


def session_ends(session: Session) -> Json:
    """How a session began and ended, and where it came from."""
    return {
        "startedAt": wire_time(session.started_at),
        "startReason": session.start_reason,
        "startActor": session.start_actor,
        "startTrigger": session.start_trigger,
        "endedAt": wire_time(session.ended_at),
        "endReason": session.end_reason,
        "endActor": session.end_actor,
        "endTrigger": session.end_trigger,
        "parentSessionId": str(session.parent_id) if session.parent_id else None,
        "parentSeq": session.parent_seq,
    }
