"""How far each subscriber is, together with what hooks.toml says of it now."""

from __future__ import annotations

from django.conf import settings

from sessions_app.runtime.hooks.config import HOOKS_TOML, HooksConfigError, hooks_load
from sessions_app.selectors.hooks import hook_status
from sessions_app.values import Actor, Json

TOLD, DISABLED, GONE, UNKNOWN = "told", "disabled", "gone", "unknown"


def subscribers_status(actor: Actor) -> Json:
    """`hook_status`, and for each subscriber `configured`: told, disabled, gone (hooks.toml does not name it), or unknown.

    `unknown`: hooks.toml has a mistake. The file is read as it is now; a running server goes by what it said when it started.

    Raises:
        ForbiddenError, UnauthenticatedError: as `hook_status`.
    """
    found = hook_status(actor)
    try:
        config = hooks_load(settings.DATA_DIR / HOOKS_TOML)
    except HooksConfigError:
        config = None
    for row in found["subscribers"]:
        row["configured"] = UNKNOWN if config is None else _state(config.subscribers.get(row["subscriber"]))
    return found


def _state(section: object) -> str:
    if section is None:
        return GONE
    return TOLD if getattr(section, "enabled", True) else DISABLED
