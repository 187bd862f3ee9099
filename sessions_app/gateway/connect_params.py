"""Parameters of `connect`, the first request of a socket."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ClientInfo(BaseModel):
    """Who connects; for the log only."""

    model_config = ConfigDict(extra="ignore")
    id: Annotated[str, Field(max_length=100)] = "unknown"
    version: Annotated[str, Field(max_length=50)] = ""
    mode: Annotated[str, Field(max_length=50)] | None = None


class ConnectAuth(BaseModel):
    """How a program signs in."""

    model_config = ConfigDict(extra="ignore")
    token: Annotated[str, Field(max_length=200)] | None = None


class ConnectParams(BaseModel):
    """Unknown fields are passed over, so that clients of other gateways of this shape can say hello."""

    model_config = ConfigDict(extra="ignore")
    client: ClientInfo = ClientInfo()
    auth: ConnectAuth | None = None
