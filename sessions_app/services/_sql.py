"""Values in the words of the engine at hand, for the few statements that are written out as SQL.

The hot verbs use short portable SQL through Django's connection: by the ORM one send costs 1,670 µs, so 130 (docs/benchmarks.md).
"""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import CharField, DateTimeField, Field, ForeignKey, JSONField, Model, TextField, UUIDField


def db_uuid(value: UUID) -> UUID | str:
    """A UUID as the engine stores it."""
    return value if _has_uuids() else value.hex


@functools.lru_cache(maxsize=64)  # the rows of a batch share their time
def db_time(value: datetime.datetime) -> Any:
    """An aware time as the engine stores it."""
    return connection.ops.adapt_datetimefield_value(value)


@functools.cache
def _has_uuids() -> bool:
    """Whether the engine of this process has a type for UUIDs; asked for every value, so looked up once."""
    return connection.features.has_native_uuid_field


def db_json(value: Any) -> str:
    """A JSON value as text; PostgreSQL reads it as jsonb."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_uuid(value: UUID | str) -> UUID:
    """A UUID as it came from the engine."""
    return value if isinstance(value, UUID) else UUID(value)


def marks(count: int) -> str:
    """Placeholders for an IN list of `count` values."""
    return ",".join(["%s"] * count)


def rows_insert(model: type[Model], rows: Sequence[dict[str, Any]], conflict: str = "") -> None:
    """Insert many rows by one statement, a third of what `bulk_create` costs.

    Args:
        model: whose table.
        rows: all of the same keys, which are column attributes; other columns get their defaults.
        conflict: the statement's ON CONFLICT clause.
    """
    if not rows:
        return
    fields = [f for f in model._meta.concrete_fields if not (f.primary_key and f.attname not in rows[0])]
    columns = ", ".join(str(field.column) for field in fields)
    sql = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({marks(len(fields))}) {conflict}"  # noqa: S608 - names of ours
    makers = [(field.attname, _stored_as(field), field.get_default()) for field in fields]
    prepared = [
        [None if (value := row.get(name, default)) is None else stored(value) for name, stored, default in makers]
        for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(sql, prepared)


def _stored_as(field: Field[Any, Any]) -> Callable[[Any], Any]:
    """How the engine stores the values of a column."""
    target = field.target_field if isinstance(field, ForeignKey) else field
    kinds: list[tuple[type, Callable[[Any], Any]]] = [
        (UUIDField, db_uuid),
        (DateTimeField, db_time),
        (JSONField, db_json),
        (CharField | TextField, str),  # type: ignore[list-item]
    ]
    return next((stored for kind, stored in kinds if isinstance(target, kind)), lambda value: value)
