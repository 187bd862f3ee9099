"""Parameters of the methods that give account of reading what others own."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sessions_app.gateway.params import Cursor, Id, Key, Limit, Params, RequestId, Words
from sessions_app.values import KEY_MAX_CHARS

Position = Annotated[int, Field(ge=0, le=2**53, description="a position; the newest without it")]


class SessionsOpen(Params):
    """`sessions.open`."""

    session_key: Key
    session_id: Id
    reason: Words
    request_id: RequestId


class SessionsMoves(Params):
    """`sessions.moves`."""

    session_key: Key
    limit: Limit = 50
    cursor: Cursor = ""


class SessionsCompare(Params):
    """`sessions.compare`."""

    session_id: Id
    other_id: Id
    seq: Position | None = None
    other_seq: Position | None = None


class AccessList(Params):
    """`access.list`."""

    session_key: Annotated[str, Field(max_length=KEY_MAX_CHARS)] = ""
    limit: Limit = 50
    cursor: Cursor = ""
