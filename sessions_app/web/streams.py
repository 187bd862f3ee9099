"""Files that are written while they are sent: one piece in memory at a time, whatever their length."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

_CHUNK_CHARS = 32 * 1024


def download(request: HttpRequest, pieces: Iterable[str], *, name: str, content_type: str) -> StreamingHttpResponse:
    """A file made of pieces of text.

    Args:
        request: decides how it is sent: under ASGI the pieces are read in the request's own thread, where its connection is.
        pieces: read while sending; what can be refused must be refused before.
        name: of the file; ASCII.
        content_type: without charset, it is UTF-8.
    """
    response = streamed(request, pieces, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def streamed(request: HttpRequest, pieces: Iterable[str], *, content_type: str) -> StreamingHttpResponse:
    """A page made of pieces of text, shown; as `download`."""
    chunks = _chunks(pieces)
    content = _from_thread(chunks) if isinstance(request, ASGIRequest) else chunks
    response = StreamingHttpResponse(content, content_type=f"{content_type}; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _chunks(pieces: Iterable[str]) -> Iterator[bytes]:
    """Pieces put together: a hop between threads for each line would cost more than the line."""
    waiting: list[str] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _CHUNK_CHARS:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    if waiting:
        yield "".join(waiting).encode()


async def _from_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(_next)
    while chunk := await following(chunks):
        yield chunk


def _next(chunks: Iterator[bytes]) -> bytes:
    return next(chunks, b"")
