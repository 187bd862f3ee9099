"""A data directory of its own with a real database file, so that damage can be made in it by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

from sessions_app.runtime.doctor.examination import Examination, examine
from sessions_app.runtime.doctor.treatment import plan_apply
from sessions_app.values import Json, Trigger
from tests.support.world import World

GUARDED = ("sessions_app_entry", "sessions_app_auditevent")


@dataclass
class Patient:
    """A world whose database file is damaged and examined."""

    world: World
    file: Path
    archived: UUID  # six messages and what was said of its end
    branch: UUID  # of another conversation, from entry 4 of `archived`
    other: UUID  # the session of a third conversation
    owner_id: UUID  # the conversation of `archived`
    refusal = sqlite3.IntegrityError

    @contextmanager
    def opened(self, *, keep_guards: bool = True) -> Iterator[sqlite3.Connection]:
        """The file, past every guard: no foreign keys, no triggers; the triggers are put back."""
        with closing(sqlite3.connect(self.file, timeout=20, isolation_level=None)) as raw:
            raw.execute("PRAGMA foreign_keys = OFF")
            raw.execute("PRAGMA ignore_check_constraints = ON")
            raw.text_factory = bytes
            triggers = [
                (name.decode(), sql.decode())
                for name, sql in raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            ]
            for name, _ in triggers:
                raw.execute(f"DROP TRIGGER {name}")
            yield raw
            for _, sql in triggers if keep_guards else []:
                raw.execute(sql)
        connection.close()  # what Django's connection has cached is of before

    def kept(self) -> sqlite3.Connection:
        """A copy of the whole file in memory, to come back to."""
        copy = sqlite3.connect(":memory:")
        with closing(sqlite3.connect(self.file, timeout=20)) as raw:
            raw.backup(copy)
        return copy

    def healed(self, copy: sqlite3.Connection) -> None:
        """The file as it was when it was copied."""
        connection.close()
        with closing(sqlite3.connect(self.file, timeout=20)) as raw:
            copy.backup(raw)

    def damage(self, sql: str, *values: Any) -> int:
        """Change rows by hand; says how many."""
        with self.opened() as raw:
            changed = raw.execute(sql, [v.hex if isinstance(v, UUID) else v for v in values]).rowcount
        return int(changed)

    def examined(self, *, deep: bool = True) -> Examination:
        return examine(deep=deep)

    def codes(self) -> list[str]:
        return [finding.code for finding in examine().findings]

    def treated(self) -> Json:
        """Examine and carry out the plan."""
        return plan_apply(self.world.admin, examine().plan, trigger=Trigger.CLI)
