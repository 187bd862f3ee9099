"""JSONL, line by line: offsets, bad UTF-8, a last line that was cut, lines too long to hold. Plain and compressed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import zstandard

CHUNK_BYTES = 1 << 20
LINE_MAX_BYTES = 24 << 20
UNPACKED_MAX_BYTES = 16 << 30
BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)  # frozen would cost a microsecond a line
class RawLine:
    """Bytes between two line ends. `raw` is None when they were too many to hold; `is_whole` is False when no line end followed."""

    no: int
    offset: int
    size: int
    raw: bytes | None
    is_whole: bool = True


class Readable(Protocol):
    """Gives bytes."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes."""
        ...


class BrokenStreamError(Exception):
    """A compressed file ends early or is none; what came before was given."""


def raw_lines(stream: Readable) -> Iterator[RawLine]:
    """The lines of a stream, the empty ones too, without their line ends.

    Raises:
        BrokenStreamError: a compressed stream cannot be read further.
        OSError: the disk cannot.
    """
    rest, offset, no, too_long = b"", 0, 0, 0
    for chunk in _chunks(stream):
        pieces = chunk.split(b"\n")
        if len(pieces) == 1:
            too_long, rest = _held(too_long, rest, chunk)
            continue
        if too_long:
            size = too_long + len(pieces[0])
            no += 1
            yield RawLine(no, offset, size, None)
            offset, too_long, rest = offset + size + 1, 0, b""
            del pieces[0]
        else:
            pieces[0] = rest + pieces[0]
        rest = pieces.pop()
        for raw in pieces:
            no += 1
            yield RawLine(no, offset, len(raw), raw if len(raw) <= LINE_MAX_BYTES else None)
            offset += len(raw) + 1
    if rest or too_long:
        yield RawLine(no + 1, offset, too_long or len(rest), None if too_long else rest, is_whole=False)


def _held(too_long: int, rest: bytes, chunk: bytes) -> tuple[int, bytes]:
    if too_long or len(rest) + len(chunk) > LINE_MAX_BYTES:
        return (too_long or len(rest)) + len(chunk), b""
    return 0, rest + chunk


def _chunks(stream: Readable) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


class Unpacked:
    """A zstd stream as a readable one; a break in it is told after what came before was given."""

    def __init__(self, stream: BinaryIO) -> None:
        head = stream.read(64)
        stream.seek(0)
        self._reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        self._given, self._promised = 0, _promised(head)

    def read(self, size: int) -> bytes:
        """The next bytes.

        Raises:
            BrokenStreamError: the stream is broken here, or unpacks to more than anybody wrote.
        """
        if self._given > UNPACKED_MAX_BYTES:
            raise BrokenStreamError("unpacks to more than 16 GiB")
        try:
            chunk = self._reader.read(size)
        except zstandard.ZstdError as error:
            raise BrokenStreamError(str(error)) from error
        self._given += len(chunk)
        if not chunk and self._given < self._promised:  # the library ends silently where a file was cut
            self._promised = 0
            raise BrokenStreamError("ends early")
        return chunk


def _promised(head: bytes) -> int:
    """How many bytes a compressed file says it holds; 1 when it does not say."""
    try:
        size = zstandard.frame_content_size(head)
    except zstandard.ZstdError:
        return 1
    return max(size, 1)


def parsed(raw: bytes) -> tuple[Any, str]:
    """The JSON value of a line, and why there is none.

    Returns:
        (value, ""), or (None, "bad-utf8" | "bad-json"). JSON that Python does not follow, of endless depth or digits, is an object of
        which nothing is known.
    """
    try:
        text = str(raw, "utf-8")
    except UnicodeDecodeError:
        return None, "bad-utf8"
    try:
        return json.loads(text), ""
    except json.JSONDecodeError:
        return None, "bad-json"
    except (ValueError, RecursionError):
        return {}, ""
