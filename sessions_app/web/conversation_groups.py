"""The conversation list at the left of the chat, in groups."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from sessions_app.selectors.conversations import conversation_list
from sessions_app.values import Actor, Json

LIST_ROWS = 60
PINNED_ROWS = 50
FRESH_DAYS = 30


@dataclass(slots=True)
class Group:
    """Conversations under one heading; a folded one shows them when it is opened."""

    name: str
    rows: list[Json] = field(default_factory=list)
    is_folded: bool = False


def conversation_groups(actor: Actor, *, query: str = "", current: Json | None = None) -> list[Group]:
    """Pinned ones, those of today, of the last days, and folded those that nobody used for FRESH_DAYS.

    Args:
        actor: who asks; the list holds their own conversations.
        query: words to look for in titles and keys; nothing is folded then.
        current: the conversation that is open; listed first when it is not among the newest.
    """
    found = conversation_list(actor, limit=LIST_ROWS, query=query, mine=True)
    rows = found["sessions"]
    if found["nextCursor"]:  # pinned ones may lie deeper than one page
        known = {row["sessionKey"] for row in rows}
        pinned = conversation_list(actor, limit=PINNED_ROWS, query=query, mine=True, pinned=True)["sessions"]
        rows = [*rows, *(row for row in pinned if row["sessionKey"] not in known)]
    if (
        current
        and not query
        and "title" in current
        and current["sessionKey"] not in {row["sessionKey"] for row in rows}
    ):
        rows = [current, *rows]
    groups = [Group("Pinned"), Group("Today"), Group(f"Last {FRESH_DAYS} days"), Group("Earlier", is_folded=not query)]
    today = timezone.now().date()
    for row in rows:
        groups[_place(row, today)].rows.append(row)
    return [group for group in groups if group.rows]


def _place(row: Json, today: dt.date) -> int:
    moment = parse_datetime(row["updatedAt"] or "")
    age = (today - moment.date()).days if moment else FRESH_DAYS + 1
    if row["pinned"]:
        return 0
    return 1 if age < 1 else 2 if age <= FRESH_DAYS else 3
