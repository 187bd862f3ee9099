"""The text that a page's composer begins with."""

from __future__ import annotations

from sessions_app.errors import HoldfastError
from sessions_app.selectors.transcript import history
from sessions_app.values import Actor, Json, Role
from sessions_app.web.request import HtmxHttpRequest, actor_of, number_of, uuid_of


def draft_to_edit(request: HtmxHttpRequest) -> str:
    """The text that a branch made by `moves.message_editing` begins its composer with; empty for any other address."""
    wanted = request.GET
    if "edit_key" not in wanted:
        return ""
    try:
        seq = number_of(wanted.get("edit_seq")) or 0
        entry = message_of_person(actor_of(request), wanted["edit_key"], wanted.get("edit_session", ""), seq)
    except HoldfastError:
        return ""  # an old address, or somebody else's
    return str(entry["text"]) if entry else ""


def message_of_person(actor: Actor, key: str, session: str, seq: int) -> Json | None:
    """The message a person wrote at a position of a session; None for anything else there."""
    session_id = uuid_of(session, "session_id")
    page = history(actor, session_key=key, session_id=session_id, after_seq=max(seq, 1) - 1, limit=1)
    found = [entry for entry in page["entries"] if entry["seq"] == seq and entry["role"] == Role.USER]
    return found[0] if found else None
