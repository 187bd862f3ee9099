"""Keyset pages, newest first: the cost of a page does not depend on how many came before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from sessions_app.errors import InvalidParamsError
from sessions_app.selectors.wire import cursor_read, cursor_time, cursor_write, page_size

M = TypeVar("M", bound=Model)
T = TypeVar("T")


def newest_page(rows: QuerySet[M], time_field: str, *, limit: int, cursor: str) -> tuple[list[M], str | None]:
    """One page of rows by (time, id), newest first. One query.

    Args:
        rows: filtered rows with a UUID primary key.
        time_field: a column that is never NULL in these rows.
        limit: rows on a page.
        cursor: "" for the first page.

    Returns:
        The rows and the cursor of the next page, None at the end.

    Raises:
        InvalidParamsError: not a cursor of ours.
    """
    position = cursor_read(cursor, 2)
    if position is not None:
        time, last = cursor_time(position[0]), _read(UUID, position[1])
        # one range for the index, then the ties cut off: an OR of both would scan (measured)
        rows = rows.filter(**{f"{time_field}__lte": time}).exclude(**{time_field: time, "pk__gte": last})
    found = list(rows.order_by(f"-{time_field}", "-pk")[: limit + 1])
    if len(found) <= limit:
        return found, None
    edge: Any = found[limit - 1]
    return found[:limit], cursor_write(getattr(edge, time_field), edge.pk)


def numbered_page(rows: QuerySet[M], *, limit: int, cursor: str) -> tuple[list[M], str | None]:
    """One page of rows by their number, newest first. One query.

    Args:
        rows: filtered rows with an integer primary key.
        limit: rows on a page, at most PAGE_MAX_ROWS.
        cursor: "" for the first page.

    Returns:
        The rows and the cursor of the next page, None at the end.

    Raises:
        InvalidParamsError: not a cursor of ours, or the page is too big.
    """
    position = cursor_read(cursor, 1)
    if position is not None:
        rows = rows.filter(pk__lt=_read(int, position[0]))
    found = list(rows.order_by("-pk")[: page_size(limit) + 1])
    page = found[:limit]
    return page, cursor_write(page[-1].pk) if len(found) > limit else None


def _read(kind: Callable[[str], T], word: str) -> T:
    try:
        return kind(word)
    except ValueError as error:
        raise InvalidParamsError(
            "This cursor is not one of ours. Start from the first page.", field="cursor"
        ) from error
