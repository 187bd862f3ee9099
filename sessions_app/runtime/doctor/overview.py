"""What the Operations page asks of the doctor. Examining takes as long as the place is large: in a reader's thread, never on a page load."""

from __future__ import annotations

from sessions_app import access
from sessions_app.access import Action
from sessions_app.runtime.backup import backups_list
from sessions_app.runtime.doctor.background import thorough_check
from sessions_app.runtime.doctor.examination import examine, last_examination
from sessions_app.runtime.storage import storage_last
from sessions_app.values import Actor, Json


def doctor_overview(actor: Actor) -> Json:
    """What is known already. One query, two for a token.

    Returns:
        {examination: as `doctor_examine` or None, storage: as `storage_measure` or None, backups: [{path, at, bytes, exists}]}.

    Raises:
        ForbiddenError, UnauthenticatedError: the actor may not manage.
    """
    access.require(actor, Action.MANAGE)
    last = last_examination()
    quick, thorough = last.as_json() if last else None, thorough_check.result
    newest = max((found for found in (quick, thorough) if found), key=lambda found: found["at"], default=None)
    return {"examination": newest, "storage": storage_last(), "backups": backups_list()}


def doctor_examine(actor: Actor, *, deep: bool = False) -> Json:
    """Examine now. The result stays for `doctor_overview`.

    Args:
        actor: who; needs `manage`.
        deep: compute all digests again; the plan must then be applied with `deep` too.

    Returns:
        {ok, plan, findings: [{id, code, severity, words, where, plan}], known, at, milliseconds, deep}.

    Raises:
        ForbiddenError, UnauthenticatedError: the actor may not manage.
    """
    access.require(actor, Action.MANAGE)
    return examine(deep=deep).as_json()
