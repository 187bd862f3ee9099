"""One attempt to tell a URL: a signed POST that ends at its timeout, whatever the other side does."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sessions_app.runtime.hooks.config import WebhookSettings
from sessions_app.runtime.hooks.letters import DeliveryFailedError, Letter

if TYPE_CHECKING:
    from httpx2 import AsyncClient

USER_AGENT = "Holdfast-Hooks/1"
LOOPBACK = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")  # never behind the proxy of the environment


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Value of `X-Holdfast-Signature`: HMAC-SHA256 over `timestamp.body`."""
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


class WebhookSender:
    """Posts to a URL. 2xx is success; a redirect is not followed; the body of the answer is not read.

    Args:
        settings: of the subscriber.
    """

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._host = urlsplit(settings.url).hostname or ""
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()

    async def send(self, letter: Letter) -> str:
        """See `Sender.send`."""
        began = time.monotonic()
        seconds = self._settings.timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                status = await self._post(await self._client_ready(), letter)
        except TimeoutError as error:
            raise DeliveryFailedError(f"{self._host} did not answer within {seconds:g} s") from error
        if not 200 <= status < 300:
            more = "; redirects are not followed" if 300 <= status < 400 else ""
            raise DeliveryFailedError(f"{self._host} answered {status}{more}")
        return f"{self._host} answered {status} after {(time.monotonic() - began) * 1000:.0f} ms"

    async def aclose(self) -> None:
        """See `Sender.aclose`."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _post(self, client: AsyncClient, letter: Letter) -> int:
        import httpx2  # loaded by now, see _client_open

        body = letter.body
        headers = self._headers(letter, body)
        try:
            async with client.stream("POST", self._settings.url, content=body, headers=headers) as response:
                return response.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise DeliveryFailedError(f"{self._host} could not be asked: {type(error).__name__}") from error

    def _headers(self, letter: Letter, body: bytes) -> dict[str, str]:
        name = self._settings.secret_env
        secret = os.environ.get(name, "")
        if not secret:
            raise DeliveryFailedError(f"the environment variable {name} is not set where the server runs")
        timestamp = str(int(time.time()))
        return {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "X-Holdfast-Event": letter.type,
            "X-Holdfast-Delivery": letter.event_id,
            "X-Holdfast-Timestamp": timestamp,
            "X-Holdfast-Signature": signature(secret, timestamp, body),
        }

    async def _client_ready(self) -> AsyncClient:
        async with self._opening:
            if self._client is None:
                is_local = LOOPBACK.fullmatch(self._host) is not None
                self._client = await asyncio.to_thread(_client_open, trust_env=not is_local)
            return self._client


def _client_open(*, trust_env: bool) -> AsyncClient:
    """Import the library and make a client; in a thread, because both take long."""
    import httpx2

    # the whole attempt has one timeout, which no trickle of bytes can stretch
    return httpx2.AsyncClient(timeout=None, follow_redirects=False, trust_env=trust_env)
