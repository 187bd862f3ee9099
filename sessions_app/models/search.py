"""What the search index knows. All of it can be thrown away and made again from the entries.

The words lie beside it, in a table of the engine's own kind: see `selectors/search_engines.py`.
"""

from __future__ import annotations

from django.db import models


class SearchRow(models.Model):
    """An entry that can be found. `position` orders all of them by time: seconds, then the entry's id.

    Names the entry by number alone, so that no index can stand in the way of a repair or a purge.
    """

    position = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"entry {self.entry_id}"


class SearchState(models.Model):
    """How far the index has come: one row.

    Entries up to id `cursor` are indexed. Those up to `head` are all committed once the transactions older than `horizon` have ended:
    on PostgreSQL an entry may be committed after one with a higher id.
    """

    cursor = models.BigIntegerField(default=0)
    head = models.BigIntegerField(default=0)
    horizon = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="search_state_is_one_row")]
        default_permissions = ()

    def __str__(self) -> str:
        return f"up to {self.cursor}"
