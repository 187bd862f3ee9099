"""Frames: text in, values out, and back. No I/O, no database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from sessions_app.errors import HoldfastError, InvalidFrameError, TooLargeError
from sessions_app.gateway.errors import error_json
from sessions_app.values import Json

PROTOCOL_VERSION = 1
FRAME_ID_MAX_CHARS = 128


@dataclass(frozen=True, slots=True)
class Request:
    """A request frame: {"type": "req", "id", "method", "params"}."""

    id: str
    method: str
    params: Json


class FrameError(InvalidFrameError):
    """A frame that cannot be read.

    Args:
        message: what is wrong with it.
        frame_id: its id, when that much could be read.
    """

    def __init__(self, message: str, frame_id: str | None = None) -> None:
        super().__init__(message)
        self.frame_id = frame_id


def size_checked(text: str, max_bytes: int) -> str:
    """A frame's text, if it is not too long.

    Raises:
        TooLargeError: its UTF-8 form has more than `max_bytes`.
    """
    if len(text) * 4 > max_bytes and len(text.encode("utf-8", "replace")) > max_bytes:  # 4: no character has more bytes
        raise TooLargeError(f"A frame has at most {max_bytes:,} bytes.", maxBytes=max_bytes)
    return text


def json_parse(text: str | bytes) -> Any:
    """Read JSON as its standard has it; Python would also take NaN and Infinity, which no other reader does.

    Raises:
        ValueError, RecursionError: it is none.
    """
    return json.loads(text, parse_constant=_no_number)


def request_parse(text: str) -> Request:
    """Read a request frame.

    Raises:
        FrameError: it is no JSON, no object, of another type, or a field has another type.
    """
    try:
        frame = json_parse(text)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"This is not JSON: {str(error)[:120]}.") from error
    if not isinstance(frame, dict):
        raise FrameError("A frame is a JSON object.")
    frame_id = frame.get("id")
    if not isinstance(frame_id, str) or not 0 < len(frame_id) <= FRAME_ID_MAX_CHARS:
        raise FrameError(f"A request needs an id: a string of 1 to {FRAME_ID_MAX_CHARS} characters.")
    if frame.get("type") != "req":
        raise FrameError('Only requests are taken here: "type" must be "req".', frame_id)
    method, params = frame.get("method"), frame.get("params", {})
    if not isinstance(method, str):
        raise FrameError('A request needs a "method": a string.', frame_id)
    if not isinstance(params, dict):
        raise FrameError('"params" must be an object.', frame_id)
    return Request(frame_id, method, params)


def answer_encode(frame_id: str, payload: Json) -> str:
    """The frame of a success."""
    return _encode({"type": "res", "id": frame_id, "ok": True, "payload": payload})


def error_encode(frame_id: str | None, error: HoldfastError) -> str:
    """The frame of a failure; the id is null when the request's could not be read."""
    return _encode({"type": "res", "id": frame_id, "ok": False, "error": error_json(error)})


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _encode(frame: dict[str, Any]) -> str:
    text = json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # what a client sent is told back in an error, broken characters and all
        return json.dumps(frame, separators=(",", ":"))
    return text
