"""Reading whole sessions and the audit log for a copy outside: page by page, so that memory stays the same at any length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import Session
from sessions_app.selectors.audit import audit_list
from sessions_app.selectors.entries import entries_json
from sessions_app.selectors.reading import reading_require
from sessions_app.selectors.salvage import gap_end, is_gap
from sessions_app.selectors.sessions import session_ends
from sessions_app.selectors.transcript import entries_shown
from sessions_app.values import PAGE_MAX_ROWS, Actor, Json

DAMAGE_KIND = "damage"  # of the item that stands for entries which cannot be read


def session_export(actor: Actor, *, session_id: UUID) -> tuple[Json, Iterator[Json]]:
    """A session with all entries of its lineage. Two queries at once, about four for each PAGE_MAX_ROWS entries read.

    Args:
        actor: who asks; needs `export` for sessions of others.
        session_id: current or archived.

    Returns:
        Facts {sessionKey, sessionId, title, owner, agent, kind, entries, messages, digest, isCurrent, and how it began and
        ended}, and its entries, oldest first. What is appended after this call is left out. For a stretch that cannot be read there
        is an item of the kind DAMAGE_KIND at its first position, whose text says so and whose data is {fromSeq, toSeq}.

    Raises:
        NotFoundError: no such session.
        ReasonRequiredError: as `reading_require`.
        ForbiddenError, UnauthenticatedError: as `access.require`; raised here, before anything is read.
    """
    session = access.session(actor, Action.EXPORT, session_id)
    conversation = session.conversation
    reading_require(actor, conversation, session.pk)
    facts = {
        "sessionKey": conversation.key,
        "sessionId": str(session.pk),
        "title": conversation.title,
        "owner": conversation.owner.get_username(),
        "agent": conversation.agent,
        "kind": conversation.kind,
        "isCurrent": session.pk == conversation.current_session_id,
        "entries": session.last_seq,
        "messages": session.messages,
        "digest": session.digest,
        **session_ends(session),
    }
    return facts, _entries(session)


def _entries(session: Session) -> Iterator[Json]:
    next_seq, last_seq = 1, session.last_seq
    while next_seq <= last_seq:
        page = entries_shown(session, next_seq, last_seq, PAGE_MAX_ROWS, newest=False)
        if not page:
            break
        for entry, row in zip(page, entries_json(page), strict=True):
            yield _gap(row) if is_gap(entry) else row
            next_seq = gap_end(row) + 1


def _gap(row: Json) -> Json:
    """What stands in a copy for entries that cannot be read: it must not look whole."""
    data = {name: row["data"][name] for name in ("fromSeq", "toSeq")}
    return {**row, "kind": DAMAGE_KIND, "text": row["data"]["words"], "data": data}


def audit_export(actor: Actor, **filters: Any) -> Iterator[Json]:
    """Audit events, newest first, with the filters of `audit_list`. Two queries for each PAGE_MAX_ROWS events read.

    Raises:
        ForbiddenError, UnauthenticatedError: the caller may not read the log, or may not export; raised here, not while it is read.
    """
    access.require(actor, Action.EXPORT)
    first = audit_list(actor, limit=PAGE_MAX_ROWS, **filters)
    return _events(actor, first, filters)


def _events(actor: Actor, page: Json, filters: dict[str, Any]) -> Iterator[Json]:
    while True:
        yield from page["events"]
        if page["nextCursor"] is None:
            return
        page = audit_list(actor, limit=PAGE_MAX_ROWS, cursor=page["nextCursor"], **filters)
