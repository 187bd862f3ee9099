"""Parameters of the methods for whoever runs the server: audit log, lifecycle hooks, restart."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sessions_app.gateway.params import Cursor, Limit, Params, RequestId, Time, Words
from sessions_app.values import KEY_MAX_CHARS

DeliveryId = Annotated[int, Field(ge=1, le=2**53)]


class GatewayRestart(Params):
    """`gateway.restart`."""

    confirmation: Annotated[str, Field(max_length=500)] = ""
    reason: Words = ""
    request_id: RequestId


class AuditList(Params):
    """`audit.list`."""

    type: Words = ""
    actor: Words = ""
    trigger: Words = ""
    outcome: Words = ""
    session_key: Annotated[str, Field(max_length=KEY_MAX_CHARS)] = ""
    after: Time | None = None
    before: Time | None = None
    limit: Limit = 50
    cursor: Cursor = ""


class HooksList(Params):
    """`hooks.list`."""

    state: Words = ""
    subscriber: Words = ""
    limit: Limit = 50
    cursor: Cursor = ""


class HooksRedeliver(Params):
    """`hooks.redeliver`: one delivery, or every dead one."""

    delivery_id: DeliveryId | None = None
    dead: bool = False
    subscriber: Words = ""
    request_id: RequestId
