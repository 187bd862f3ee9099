"""Parameters of the methods that find things: search, and where a chat went."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sessions_app.gateway.params import Cursor, Limit, Params, Time, Words
from sessions_app.values import KEY_MAX_CHARS

Query = Annotated[str, Field(max_length=20_000, description='words, "phrases", beginnings with a star')]


class SearchQuery(Params):
    """`search.query`."""

    query: Query
    session_key: Annotated[str, Field(max_length=KEY_MAX_CHARS)] = ""
    role: Annotated[str, Field(max_length=20)] = ""
    agent: Annotated[str, Field(max_length=100)] = ""
    state: Annotated[str, Field(max_length=20, description="current or archived; both without it")] = ""
    after: Time | None = None
    before: Time | None = None
    order: Annotated[str, Field(max_length=20, description="newest or rank")] = "newest"
    limit: Limit = 20
    cursor: Cursor = ""


class SearchWhere(Params):
    """`search.where`."""

    query: Words
    limit: Limit = 5
