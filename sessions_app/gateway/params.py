"""Parameters of the methods, as strict pydantic models: the wire's camelCase outside, the verbs' names inside."""

from __future__ import annotations

import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from sessions_app.values import EVENTS_MAX_ROWS, KEY_MAX_CHARS, PAGE_MAX_ROWS, REQUEST_ID_MAX_CHARS

PLAIN = r"^[^\x00-\x1f\x7f]*$"
Key = Annotated[
    str, Field(min_length=1, max_length=KEY_MAX_CHARS, pattern=PLAIN, description="session key, e.g. agent:main:main")
]
Id = Annotated[UUID, Field(strict=False)]
RequestId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=REQUEST_ID_MAX_CHARS,
        pattern=PLAIN,
        description="made by the client; a repeat gets the first answer again",
    ),
]
Limit = Annotated[int, Field(ge=1, le=PAGE_MAX_ROWS)]
Seq = Annotated[int, Field(ge=0, le=2**53)]
Words = Annotated[str, Field(max_length=2000)]
Cursor = Annotated[str, Field(max_length=500)]
Time = Annotated[datetime.datetime, Field(strict=False)]


class Params(BaseModel):
    """Base: strict types, no unknown fields, camelCase on the wire."""

    model_config = ConfigDict(strict=True, extra="forbid", alias_generator=to_camel, frozen=True)


class NoParams(Params):
    """A method without parameters."""


class ChatSend(Params):
    """`chat.send`."""

    session_key: Key
    session_id: Id
    message: str
    idempotency_key: RequestId


class ChatHistory(Params):
    """`chat.history`."""

    session_key: Key
    session_id: Id | None = None
    before_seq: Seq | None = None
    after_seq: Seq | None = None
    limit: Limit = 50


class ChatAbort(Params):
    """`chat.abort`."""

    session_key: Key
    run_id: Id
    request_id: RequestId | None = None


class ChatRetry(Params):
    """`chat.retry`."""

    session_key: Key
    session_id: Id
    run_id: Id
    continues: bool = False
    request_id: RequestId


class EventsSync(Params):
    """`events.sync`."""

    session_key: Key
    after_event: Seq | None = None
    limit: Annotated[int, Field(ge=1, le=EVENTS_MAX_ROWS)] = EVENTS_MAX_ROWS


class SessionsList(Params):
    """`sessions.list`."""

    limit: Limit = 50
    cursor: Cursor = ""
    query: Words = ""
    kind: Words = ""
    owner: Words = ""
    mine: bool = False


class SessionsGet(Params):
    """`sessions.get`: a conversation by key, or any session by id."""

    session_key: Key | None = None
    session_id: Id | None = None


class SessionsCreate(Params):
    """`sessions.create`."""

    title: Words = ""
    agent: Annotated[str, Field(max_length=100)] = "main"
    session_key: Annotated[str, Field(max_length=KEY_MAX_CHARS)] = ""
    request_id: RequestId


class SessionsPatch(Params):
    """`sessions.patch`."""

    session_key: Key
    title: Words | None = None
    pinned: bool | None = None
    locked: bool | None = None
    request_id: RequestId


class KeyOnly(Params):
    """Methods that take a key and nothing else."""

    session_key: Key


class SessionsReset(Params):
    """`sessions.reset`."""

    session_key: Key
    session_id: Id
    confirmation: Annotated[str, Field(max_length=500)] = ""
    request_id: RequestId
    reason: Words = ""
    message: str | None = None
    stop_run: bool = False
    command_text: Annotated[str, Field(max_length=300_000)] = ""
    typed_key: Annotated[str, Field(max_length=KEY_MAX_CHARS)] = ""


class SessionsCompact(Params):
    """`sessions.compact`."""

    session_key: Key
    session_id: Id | None = None
    request_id: RequestId


class ArchivesList(Params):
    """`archives.list`."""

    session_key: Annotated[str, Field(max_length=KEY_MAX_CHARS)] = ""
    query: Words = ""
    trigger: Words = ""
    archived_by: Words = ""
    limit: Limit = 50
    cursor: Cursor = ""


class ArchivesPreview(Params):
    """`archives.preview`."""

    session_key: Key
    session_id: Id


class ArchivesRestore(Params):
    """`archives.restore`."""

    session_key: Key
    session_id: Id
    expected_current_session_id: Id
    request_id: RequestId
    reason: Words = ""
    stop_run: bool = False
    typed_key: Annotated[str, Field(max_length=KEY_MAX_CHARS)] = ""


class CheckpointsCreate(Params):
    """`checkpoints.create`."""

    session_key: Key
    session_id: Id
    seq: Annotated[int, Field(ge=1, le=2**53)] | None = None
    label: Words = ""
    request_id: RequestId


class CheckpointsList(Params):
    """`checkpoints.list`."""

    session_key: Key
    limit: Limit = PAGE_MAX_ROWS
    cursor: Cursor = ""


class CheckpointsPreview(Params):
    """`checkpoints.preview`."""

    session_key: Key
    checkpoint_id: Id


class CheckpointsRestore(Params):
    """`checkpoints.restore`."""

    session_key: Key
    checkpoint_id: Id
    expected_current_session_id: Id
    request_id: RequestId
    reason: Words = ""
    stop_run: bool = False
    typed_key: Annotated[str, Field(max_length=KEY_MAX_CHARS)] = ""


class CheckpointsBranch(Params):
    """`checkpoints.branch`."""

    session_key: Key
    checkpoint_id: Id
    title: Words = ""
    request_id: RequestId
