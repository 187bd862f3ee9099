"""The search index grows and is thrown away. Nothing here can lose anything: it is all made from the entries, and again from them."""

from __future__ import annotations

from dataclasses import replace

from sessions_app import access
from sessions_app.access import Action
from sessions_app.models import SearchRow, SearchState
from sessions_app.selectors.search_backlog import Backlog
from sessions_app.selectors.search_engines import Document, search_engine
from sessions_app.services._sql import rows_insert
from sessions_app.services.perform import verb
from sessions_app.values import NO_EFFECTS, Answer, Call


@verb(keeps_receipt=False)
def search_extend(call: Call, *, backlog: Backlog) -> Answer:
    """Put the next documents into the index, if nobody else has done it meanwhile.

    Args:
        call: the system's.
        backlog: what `selectors.search_backlog.backlog` gave.

    Returns:
        {indexed}: how many documents.

    Writes: SearchRow and words +1 for each document, SearchState; one transaction.
    """
    del call
    SearchState.objects.get_or_create(pk=1)
    state = SearchState.objects.select_for_update().get(pk=1)
    if state.cursor != backlog.after:
        return {"indexed": 0}, NO_EFFECTS
    engine = search_engine()
    if state.cursor == 0:
        SearchRow.objects.all().delete()
        engine.clear()
    documents = _apart(backlog.documents)
    rows_insert(SearchRow, [{"position": each.position, "entry_id": each.entry_id} for each in documents])
    engine.add(documents)
    state.cursor, state.head, state.horizon = backlog.upto, backlog.head, backlog.horizon
    state.save()
    return {"indexed": len(documents)}, NO_EFFECTS


@verb(keeps_receipt=False)
def search_clear(call: Call) -> Answer:
    """Throw the index away; whoever serves, or `manage.py search rebuild`, makes it again.

    Args:
        call: somebody who manages the server.

    Returns:
        {cleared}: how many entries could be found.

    Raises:
        ForbiddenError, UnauthenticatedError: as `access.require`.

    Writes: SearchRow, words and SearchState emptied; one transaction.
    """
    access.require(call.actor, Action.MANAGE)
    SearchState.objects.get_or_create(pk=1)
    SearchState.objects.select_for_update().get(pk=1)
    cleared = SearchRow.objects.count()
    SearchRow.objects.all()._raw_delete(SearchRow.objects.db)
    search_engine().clear()
    SearchState.objects.filter(pk=1).update(cursor=0, head=0, horizon=0)
    return {"cleared": cleared}, NO_EFFECTS


def _apart(documents: list[Document]) -> list[Document]:
    """Each document with a position of its own: two of one moment whose ids differ by 2^20 would share one. One query."""
    wanted = [each.position for each in documents]
    taken = set(SearchRow.objects.filter(position__in=wanted).values_list("position", flat=True))
    result = []
    for each in documents:
        position = each.position
        while position in taken or (position != each.position and SearchRow.objects.filter(pk=position).exists()):
            position += 1
        taken.add(position)
        result.append(each if position == each.position else replace(each, position=position))
    return result
