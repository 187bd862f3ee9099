"""What the model server of tests says on one connection: HTTP/1.1 with keep-alive, and each behaviour byte for byte.

`model_server.py` lists the behaviours.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.model_server import ModelServer

Json = dict[str, Any]

RETRY_AFTER_SECONDS = 7
REFUSALS: dict[str, tuple[int, Json]] = {
    "401": (
        401,
        {
            "message": "Incorrect API key provided: sk-secretsecret.",
            "type": "invalid_request_error",
            "code": "invalid_api_key",
        },
    ),
    "403": (403, {"message": "You may not use this model.", "type": "forbidden", "code": None}),
    "404": (
        404,
        {"message": "The model `test` does not exist.", "type": "invalid_request_error", "code": "model_not_found"},
    ),
    "429": (429, {"message": "Rate limit reached.", "type": "requests", "code": "rate_limit_exceeded"}),
    "quota": (
        429,
        {"message": "You exceeded your current quota.", "type": "insufficient_quota", "code": "insufficient_quota"},
    ),
    "500": (500, {"message": "The engine fell over.", "type": "server_error", "code": None}),
    "503": (503, {"message": "Overloaded.", "type": "server_error", "code": None}),
    "context": (
        400,
        {
            "message": "This model's maximum context length is 100 tokens.",
            "type": "invalid_request_error",
            "code": "context_length_exceeded",
        },
    ),
}
EVENT_ERRORS: dict[str, Json] = {
    "errorevent": {"message": "The engine fell over in mid-air.", "type": "server_error", "code": None},
    "contextevent": {"message": "Too long.", "type": "invalid_request_error", "code": "context_length_exceeded"},
}
ODD_CHUNKS = (
    "null",
    "[]",
    '"text"',
    "{}",
    '{"choices": null}',
    '{"choices": [null]}',
    '{"choices": [{"index": 0, "delta": null, "finish_reason": ""}]}',
    '{"choices": [{"index": 0, "delta": {"content": ["a"]}}]}',
    '{"choices": [{"index": 0, "delta": {"role": "assistant", "reasoning_content": "hm"}, "finish_reason": null}]}',
)
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@dataclass
class ModelRequest:
    """One chat completion that was asked for.

    Attributes:
        ended: `running`, `done`, or `hung up` when the client closed the connection before the answer was whole.
    """

    messages: list[dict[str, str]]
    model: str
    authorization: str
    connection: int
    behaviour: str
    body: Json
    ended: str = "running"


class _HungUpError(Exception):
    """The client closed the connection before the answer was whole."""


@dataclass
class ModelConnection:
    server: ModelServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def run(self) -> None:
        """Answer requests until the client leaves or a behaviour cuts the connection."""
        while head := await self._head():
            lines = head.decode("latin-1").split("\r\n")
            method, path, _ = lines[0].split(" ", 2)
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
            if method == "GET" and path.endswith("/models"):
                self._answer(200, {"object": "list", "data": [{"id": "test", "object": "model"}]})
            elif method != "POST" or not path.endswith("/chat/completions"):
                self._answer(404, {"detail": "Not Found"})
            elif not await self._complete(json.loads(body), headers):
                return
            await self.writer.drain()

    async def _head(self) -> bytes:
        try:
            return await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""

    async def _complete(self, asked: Json, headers: dict[str, str]) -> bool:
        """One chat completion; False when the connection must end."""
        messages = asked["messages"]
        request = ModelRequest(
            messages=messages,
            model=asked["model"],
            authorization=headers.get("authorization", ""),
            connection=self.number,
            behaviour=self.server.choose(messages),
            body=asked,
        )
        if self.server.keep_requests:
            self.server.requests.append(request)
        try:
            keep = await self._behave(request)
        except (_HungUpError, ConnectionError):
            request.ended = "hung up"
            return False
        request.ended = "done"
        return keep

    async def _behave(self, request: ModelRequest) -> bool:
        name, _, rest = request.behaviour.partition(":")
        if name in REFUSALS:
            status, error = REFUSALS[name]
            self._answer(status, {"error": error}, f"retry-after: {RETRY_AFTER_SECONDS}\r\n" if name == "429" else "")
            return True
        if name == "html":
            self._answer(200, b"<html><body>Welcome</body></html>")
            return True
        if name == "refuse":
            self.writer.transport.abort()
            return False
        if name == "hang":
            await self._silence()
        pieces, delay = self._pieces(request, name, rest)
        self._begin_stream()
        if name == "odd":
            self._chunk(*ODD_CHUNKS)
        if delay == 0 and name == "echo":
            self._chunk(*map(_delta, pieces), _finish("stop"), "[DONE]")
            return self._end_stream()
        first = int(rest.partition(":")[2]) if name == "held" else len(pieces)
        for place, piece in enumerate(pieces):
            while place >= first and self.server.is_held:
                await self._pause(0.01)
            await self._pause(delay)
            self._chunk(_delta(piece))
            await self.writer.drain()
        return await self._finish(name)

    def _pieces(self, request: ModelRequest, name: str, rest: str) -> tuple[list[str], float]:
        if name == "slow":
            name, rest = "stream", "200:0.05"
        if name == "stream":
            count, _, delay = rest.partition(":")
            return _words(count), float(delay or 0)
        if name == "held":
            return _words(rest.partition(":")[0]), 0.0
        if name in ("empty", "filtered"):
            return [], 0.0
        if name == "split":
            return ["smile \ud83d", "\ude00 end \udc00\0"], 0.0
        text = self.server.text(request.messages)
        size = max(1, -(-len(text) // self.server.chunks))
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        if name in ("break", "stall", "garbage", *EVENT_ERRORS):
            pieces = pieces[: max(1, len(pieces) // 2)]
        return pieces, self.server.delay_seconds

    async def _finish(self, name: str) -> bool:
        if name == "break":
            self.writer.transport.abort()
            return False
        if name == "stall":
            await self._silence()
        if name in EVENT_ERRORS:
            self._chunk(json.dumps({"error": EVENT_ERRORS[name]}))
        elif name == "garbage":
            self._chunk("{this is no JSON")
        elif name != "nofinish":
            self._chunk(_finish("content_filter" if name == "filtered" else "stop"))
            if name == "nodone":
                await self._silence()
            self._chunk("[DONE]")
        return self._end_stream()

    async def _pause(self, seconds: float) -> None:
        if seconds:
            await asyncio.sleep(seconds)
        if self.reader.at_eof() or self.writer.transport.is_closing():
            raise _HungUpError

    async def _silence(self) -> None:
        while True:
            await self._pause(0.01)

    def _answer(self, status: int, body: Json | bytes, more: str = "") -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "text/html" if isinstance(body, bytes) else "application/json"
        head = f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n{more}\r\n"
        self.writer.write(head.encode() + data)

    def _begin_stream(self) -> None:
        self.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")

    def _chunk(self, *events: str) -> None:
        data = "".join(f"data: {event}\n\n" for event in events).encode()
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _end_stream(self) -> bool:
        self.writer.write(b"0\r\n\r\n")
        return True


def _words(count: str) -> list[str]:
    return [f"word{n} " for n in range(1, int(count) + 1)]


def _delta(text: str) -> str:
    return _event({"content": text}, None)


def _finish(reason: str) -> str:
    return _event({}, reason)


def _event(delta: Json, finish_reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return json.dumps(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "test", "choices": [choice]}
    )
