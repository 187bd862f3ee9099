"""What a person chooses for their own pages. Not audited: it concerns nobody else."""

from __future__ import annotations

from sessions_app import access
from sessions_app.access import Action
from sessions_app.errors import InvalidParamsError
from sessions_app.models import User
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, Call

THEMES = ("system", "light", "dark")


@verb()
def theme_set(call: Call, *, theme: str) -> Answer:
    """Choose how one's own pages look.

    Args:
        call: a signed-in person.
        theme: system, light or dark.

    Returns:
        {theme}.

    Raises:
        InvalidParamsError: there is no such theme.
        UnauthenticatedError: the account is disabled.

    Writes: User.theme; one transaction.
    """
    access.require(call.actor, Action.LIST)
    if theme not in THEMES:
        raise InvalidParamsError(f"There is no such theme; it is one of {', '.join(THEMES)}.", field="theme")
    User.objects.filter(pk__in=[call.actor.user_id]).update(theme=theme)
    return {"theme": theme}, NO_EFFECTS
