"""Fills a data directory: `python -m bench.seed --conversations N --entries M`, with HOLDFAST_DATA_DIR set. Prints what is there.

Rows are inserted in bulk by raw SQL, but they are the rows the verbs would have written: digests chain, every question has its run,
and the triggers stay on, so that a gap would be refused. Client events are left out; nothing that is measured reads old ones.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import django
from django.db.models import AutoField, Model

from bench.words import texts

CHUNK_ROWS = 20_000
TEXT = "Please look at the build of last night, the third step fails again and nobody knows why. " * 2
Rows = list[tuple[Any, ...]]
_RUN_COLUMNS = (
    "id",
    "session_id",
    "input_seq",
    "answer_seq",
    "state",
    "actor",
    "actor_label",
    "request_id",
    "request_digest",
    "partial",
    "created_at",
    "started_at",
    "finished_at",
)
_ENTRY_COLUMNS = ("session_id", "seq", "kind", "role", "text", "data", "run_id", "message_no", "digest", "created_at")


def main() -> None:
    """Fill, and print {token, conversations: [{sessionKey, sessionId}]}, the one with the entries first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, required=True)
    parser.add_argument("--entries", type=int, required=True, help="in the first conversation")
    parser.add_argument("--each", type=int, default=2, help="entries in every other one")
    parser.add_argument(
        "--words", action="store_true", help="texts of words as a language spreads them, and a search index"
    )
    asked = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlui.settings")
    django.setup()
    print(json.dumps(filled(asked.conversations, asked.entries, asked.each, words=asked.words)))


def filled(count: int, entries: int, each: int, *, words: bool = False) -> dict[str, Any]:
    """Make the rows."""
    from sessions_app.access import actor_for_user
    from sessions_app.models import Conversation, User
    from sessions_app.runtime import writers
    from sessions_app.runtime.bootstrap import bootstrap
    from sessions_app.services.conversations import conversation_add
    from sessions_app.services.tokens import token_create
    from sessions_app.values import Call, Command, Trigger

    bootstrap()
    owner = User.objects.get()
    call = Call(actor_for_user(owner), Trigger.CLI)
    scopes = {"username": owner.username, "name": "bench", "scopes": ["read", "write", "admin"]}
    made = writers.current().call(Command(token_create, call, scopes))
    names = list(range(count))
    for some in _chunks(names, 500):
        with django.db.transaction.atomic():
            for number in some:
                key = f"agent:main:bench-{number:05}"
                conversation_add(call, key=key, owner_id=owner.pk, title=f"Topic {number}")
    added = Conversation.objects.filter(key__startswith="agent:main:bench-").order_by("key")
    found: list[Any] = list(added.values_list("key", "current_session_id"))
    for number, (_, session) in enumerate(found):
        _talk(call, session, each if number else entries, texts if words else _same)
    _indexed(is_searched=words)
    rows = [{"sessionKey": key, "sessionId": str(session)} for key, session in found]
    return {"token": made["token"], "conversations": rows}


def _indexed(*, is_searched: bool) -> None:
    """Make the search index; where nobody searches, only say that it is made, so that making it disturbs nothing."""
    from sessions_app.models import Entry, SearchState
    from sessions_app.runtime.search_indexer import index_all

    if is_searched:
        index_all(lambda entry_id: None)
    else:
        newest = Entry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        SearchState.objects.update_or_create(pk=1, defaults={"cursor": newest, "head": newest})


def _same() -> str:
    return TEXT


def _talk(call: Any, session: uuid.UUID, count: int, text: Callable[[], str] = _same) -> None:
    """Questions and answers in turn, `count` entries in all, and the counters of the session."""
    from sessions_app.models import Session
    from sessions_app.services._sql import db_time, db_uuid
    from sessions_app.services.journal import NewEntry, entry_digest
    from sessions_app.values import EntryKind, Role

    if not count:
        return
    own, previous = db_uuid(session), ""
    first = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=count)
    runs: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    run_id = uuid.UUID(int=0)
    for seq in range(1, count + 1):
        at = first + datetime.timedelta(seconds=seq)
        is_question = seq % 2 == 1
        if is_question:
            run_id = uuid.uuid4()
            answer = seq + 1 if seq < count else None
            request = (call.actor.ref, call.actor.label, run_id.hex, "0" * 64)
            runs.append((db_uuid(run_id), own, seq, answer, "done", *request, "", *[db_time(at)] * 3))
        role = Role.USER if is_question else Role.ASSISTANT
        data = {} if is_question else {"state": "final", "backend": "demo", "model": "demo"}
        entry = NewEntry(EntryKind.MESSAGE, role, f"{seq}: {text()}", data, run_id)
        previous = entry_digest(previous, seq, entry, at)
        words = (str(entry.kind), str(role), entry.text, json.dumps(data), db_uuid(run_id), seq, previous, db_time(at))
        rows.append((own, seq, *words))
        if len(rows) == CHUNK_ROWS or seq == count:
            _insert(runs, rows)
            runs, rows = [], []
    Session.objects.filter(pk=session).update(last_seq=count, messages=count, digest=previous, last_entry_at=at)


def _insert(runs: Rows, entries: Rows) -> None:
    from sessions_app.models import Entry, Run

    with django.db.transaction.atomic():
        _rows_added(Run, _RUN_COLUMNS, runs)
        _rows_added(Entry, _ENTRY_COLUMNS, entries)


def _rows_added(model: type[Model], columns: tuple[str, ...], rows: Rows) -> None:
    """Insert rows of these columns; every other column gets its default."""
    others = [f for f in model._meta.concrete_fields if f.column not in columns and not isinstance(f, AutoField)]
    defaults = [f.get_db_prep_save(f.get_default(), django.db.connection) for f in others]
    names = [*columns, *(str(f.column) for f in others)]
    marks = ", ".join(["%s"] * len(names))
    sql = f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) VALUES ({marks})"
    with django.db.connection.cursor() as cursor:
        cursor.executemany(sql, [(*row, *defaults) for row in rows])


def _chunks(items: list[int], size: int) -> Iterator[list[int]]:
    rest = iter(items)
    while some := list(itertools.islice(rest, size)):
        yield some


if __name__ == "__main__":
    main()
