"""The first answer of a socket: who this is, where they begin, and what the server expects."""

from __future__ import annotations

import logging
from typing import Any

from channels.auth import get_user
from django.conf import settings

from sessions_app import access
from sessions_app.errors import UnauthenticatedError
from sessions_app.gateway.connect_params import ConnectParams
from sessions_app.gateway.methods import params_parse
from sessions_app.gateway.protocol import PROTOCOL_VERSION
from sessions_app.models import User
from sessions_app.runtime.process import Process
from sessions_app.runtime.seen import seen_command
from sessions_app.selectors.people import hello, token_actor
from sessions_app.values import Actor, Json

logger = logging.getLogger(__name__)


async def hello_said(process: Process, scope: Any, raw: Json) -> tuple[Actor, Json]:
    """Find out who connects: by a token, or by the login cookie of the page that opened the socket.

    Args:
        process: which serves.
        scope: of the socket; its cookies count only when its page is ours (`origin.py`).
        raw: params of `connect`.

    Returns:
        Who it is, and the payload of the answer.

    Raises:
        UnauthenticatedError: nobody, a token that is not good, or a disabled account.
        InvalidParamsError: the params do not fit.
    """
    params = params_parse(ConnectParams, raw)
    client, auth = params["client"], params["auth"]
    if auth is not None and auth.token:
        actor = await process.readers.read(token_actor, auth.token)
    else:
        user = await get_user(scope)
        if not isinstance(user, User):
            raise UnauthenticatedError
        actor = access.actor_for_user(user)
    facts = await process.readers.read(hello, actor)
    if noted := seen_command(actor):
        await process.writer.send(noted)
    logger.info("%s connected with %s %s", actor.ref, client.id, client.version)
    return actor, {
        "type": "hello-ok",
        "protocol": PROTOCOL_VERSION,
        "server": {"version": settings.VERSION, "instanceId": str(process.instance_id)},
        "scopes": sorted(str(scope) for scope in actor.scopes),
        "policy": {
            "maxFrameBytes": settings.MAX_FRAME_BYTES,
            "maxInFlight": settings.MAX_IN_FLIGHT,
            "tickMs": settings.TICK_MS,
        },
        **facts,
    }
