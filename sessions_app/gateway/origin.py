"""Which pages may open the socket. A browser always says where a page came from; a program says nothing and needs a token.

The check of Channels refuses programs without an Origin; this one lets them in without their cookies.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

Scope = dict[str, Any]
Application = Callable[[Scope, Any, Any], Awaitable[Any]]


class OriginCheck:
    """Refuses sockets of foreign pages with 403; takes the cookies from sockets without an Origin.

    Args:
        inner: the application behind it.
    """

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> Any:
        """One socket."""
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"").decode("latin1")
        if not origin:
            without_cookies = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
            return await self._inner({**scope, "headers": without_cookies}, receive, send)
        if not origin_is_ours(origin, headers.get(b"host", b"").decode("latin1")):
            await send({"type": "websocket.close", "code": 4403})
            return None
        return await self._inner(scope, receive, send)


def origin_is_ours(origin: str, host: str) -> bool:
    """Whether a page of this origin may use the socket.

    Args:
        origin: the Origin header, e.g. `http://127.0.0.1:8765`.
        host: the Host header. A page of our own names the same host and port.

    Returns:
        True when it is the host the socket was opened on and that is one of ALLOWED_HOSTS, or a trusted origin.
    """
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:  # "http://[": no browser says that, and no program learns anything from it
        return False
    if parts.scheme not in {"http", "https"} or parts.netloc.lower() != host.lower():
        return False
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
