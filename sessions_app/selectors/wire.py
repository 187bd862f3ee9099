"""How rows are spelled on the wire: times, and pages with a cursor."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from typing import Any

from sessions_app.errors import InvalidParamsError
from sessions_app.values import PAGE_MAX_ROWS


def wire_time(value: datetime.datetime | None) -> str | None:
    """ISO 8601 in UTC, ending in Z; None stays None."""
    return None if value is None else value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def cursor_write(*position: Any) -> str:
    """An opaque cursor for a keyset position; times are kept to the microsecond."""
    words = [value.isoformat() if isinstance(value, datetime.datetime) else str(value) for value in position]
    return base64.urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=")


def cursor_read(cursor: str, size: int) -> list[str] | None:
    """The position of a cursor; None for the empty one.

    Raises:
        InvalidParamsError: it was not made by `cursor_write` with `size` values.
    """
    if not cursor:
        return None
    try:
        words = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise InvalidParamsError(
            "This cursor is not one of ours. Start from the first page.", field="cursor"
        ) from error
    if not isinstance(words, list) or len(words) != size or not all(isinstance(word, str) for word in words):
        raise InvalidParamsError("This cursor belongs to another list. Start from the first page.", field="cursor")
    return words


def cursor_time(word: str) -> datetime.datetime:
    """The time of a cursor's word.

    Raises:
        InvalidParamsError: it is none.
    """
    try:
        time = datetime.datetime.fromisoformat(word)
        if time.tzinfo is None:
            raise ValueError("a time without a zone")
        return time.astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidParamsError(
            "This cursor is not one of ours. Start from the first page.", field="cursor"
        ) from error


def page_size(limit: int) -> int:
    """A page size within its bounds.

    Raises:
        InvalidParamsError: less than 1 or more than PAGE_MAX_ROWS.
    """
    if not 1 <= limit <= PAGE_MAX_ROWS:
        raise InvalidParamsError(f"limit is from 1 to {PAGE_MAX_ROWS}.", field="limit")
    return limit
