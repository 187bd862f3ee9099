"""How the server is written in a URL."""

from __future__ import annotations

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8765


def base_url(host: str, port: int) -> str:
    """The address a browser on this machine uses for a listening host and port.

    A server that listens everywhere is reached by the loopback address; IPv6 wears brackets.
    """
    name = {"0.0.0.0": DEFAULT_HOST, "": DEFAULT_HOST, "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def sign_in_url(token: str, *, base: str) -> str:
    """Where a sign-in link leads."""
    return f"{base.rstrip('/')}/signin/link/{token}"
