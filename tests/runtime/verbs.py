"""Verbs that go wrong in every way a verb can, for real: the engine itself refuses them."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone

from sessions_app.errors import ForbiddenError
from sessions_app.models import Conversation, Session
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, AuditType, Call, Effects

Wrapper: Any = BaseDatabaseWrapper  # whose COMMIT tests let fail, as a driver would
UNLIMITED_PAGES = 1_073_741_823


class FullDisk:
    """A disk one can fill: for this connection, and for all that are opened after."""

    pages: int | None = None

    def __enter__(self) -> FullDisk:
        connection_created.connect(self._limit)
        return self

    def __exit__(self, *_: object) -> None:
        connection_created.disconnect(self._limit)
        self.free()

    def fill(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA page_count")
            self.pages = cursor.fetchone()[0]
        self._limit(connection=connection)

    def free(self) -> None:
        self.pages = None
        self._limit(connection=connection)

    def _limit(self, *, connection: Any, **_: Any) -> None:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"PRAGMA max_page_count={self.pages or UNLIMITED_PAGES}")


@verb(keeps_receipt=False)
def disk_fill(call: Call, *, disk: FullDisk) -> Answer:
    """Fill the disk of the thread that writes."""
    disk.fill()
    return {}, NO_EFFECTS


@verb(keeps_receipt=False)
def disk_free(call: Call, *, disk: FullDisk) -> Answer:
    """Make room again."""
    disk.free()
    return {}, NO_EFFECTS


@verb()
def title_write(call: Call, *, session_key: str, title: str) -> Answer:
    """Change one row, and say what stood there before."""
    row = Conversation.objects.select_for_update().get(key=session_key)
    before, row.title = row.title, title
    row.save(update_fields=["title"])
    return {"before": before}, Effects(pokes=frozenset({row.pk}))


@verb(audit=AuditType.CONVERSATION_CHANGED)
def title_refused(call: Call, *, session_key: str, title: str) -> Answer:
    """Change one row, then refuse."""
    Conversation.objects.filter(key=session_key).update(title=title)
    raise ForbiddenError


@verb()
def key_taken(call: Call, *, session_key: str) -> Answer:
    """Meet a unique constraint."""
    row = Conversation.objects.get(key=session_key)
    Conversation.objects.create(key=row.key, owner=row.owner, created_at=timezone.now(), updated_at=timezone.now())
    raise AssertionError("unreachable")


@verb()
def parent_missing(call: Call, *, session_key: str) -> Answer:
    """Write a key that points nowhere: both engines notice at COMMIT only."""
    Session.objects.create(conversation_id=uuid.uuid4(), started_at=timezone.now())
    return {}, NO_EFFECTS


@verb(audit=AuditType.CONVERSATION_CHANGED)
def mistake(call: Call, *, session_key: str) -> Answer:
    """Write, then stumble over a mistake of ours."""
    Conversation.objects.filter(key=session_key).update(title="half done")
    raise ZeroDivisionError


@verb()
def connection_lost(call: Call) -> Answer:
    """Be cut off by the server in the middle of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    raise AssertionError("unreachable")
