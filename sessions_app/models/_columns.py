"""Columns that several tables share, and the small pieces their constraints are made of."""

from __future__ import annotations

import uuid
from enum import StrEnum

from django.db import models


def uuid_key() -> models.UUIDField[uuid.UUID, uuid.UUID]:
    """A primary key that says nothing about order or count."""
    return models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)


def one_of(column: str, values: type[StrEnum], *, name: str, blank: bool = False) -> models.CheckConstraint:
    """A check that a column holds a member of an enum.

    Args:
        column: name of the column.
        values: the enum.
        name: name of the constraint in the database.
        blank: the empty string is fine too.
    """
    allowed = [str(value) for value in values] + ([""] if blank else [])
    return models.CheckConstraint(condition=models.Q(**{f"{column}__in": allowed}), name=name)
