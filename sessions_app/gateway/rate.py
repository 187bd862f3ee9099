"""How often who may call what: a window per account and method, so that one runaway program cannot starve the rest."""

from __future__ import annotations

import time
from functools import cache

from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from sessions_app.errors import RateLimitedError
from sessions_app.values import Actor

_limiter = FixedWindowRateLimiter(MemoryStorage())


def rate_check(actor: Actor, method: str) -> None:
    """Count one call of a method.

    Args:
        actor: who calls; a person and their tokens share one window.
        method: e.g. `sessions.reset`; RATE_LIMITS has its limit, or the one under "*". No entry there: no limit.

    Raises:
        RateLimitedError: more than the limit; `retryAfterMs` says when the window ends.
    """
    item = _limit(method)
    if item is None:
        return
    window = ("user", str(actor.user_id), method)
    if not _limiter.hit(item, *window):
        wait_ms = max(1, round((_limiter.get_window_stats(item, *window).reset_time - time.time()) * 1000))
        raise RateLimitedError(
            f"{method} may be called {item} times. Wait a moment.", retryAfterMs=wait_ms, limit=str(item)
        )


@cache
def _limit(method: str) -> RateLimitItem | None:
    words = settings.RATE_LIMITS.get(method, settings.RATE_LIMITS.get("*", ""))
    return parse(words) if words else None


def rate_limits_reset() -> None:
    """Forget all windows and read the settings again; for tests."""
    _limit.cache_clear()
    _limiter.storage.reset()
