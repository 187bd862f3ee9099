"""Closes spans that nobody uses, if hooks.toml says after how long. Off by default."""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

from sessions_app.errors import HoldfastError
from sessions_app.runtime.writers import Writer
from sessions_app.services.idle import IDLE_BATCH_SPANS, spans_idle_close
from sessions_app.values import SYSTEM, Call, Command, Trigger

logger = logging.getLogger(__name__)

LOOK_MAX_SECONDS = 60.0
_CALL = Call(SYSTEM, Trigger.SCHEDULE)


async def close_idle_spans(writer: Writer, instance_id: UUID, idle_seconds: float | None) -> None:
    """Close the idle spans of an instance; for ever, or not at all with None.

    One is closed at most a minute, or a quarter of `idle_seconds`, late.
    """
    if idle_seconds is None:
        return
    pause = min(LOOK_MAX_SECONDS, idle_seconds / 4)
    command = Command(spans_idle_close, _CALL, {"instance_id": instance_id, "idle_seconds": idle_seconds})
    while True:
        await asyncio.sleep(pause)
        is_full = True
        try:
            while is_full:
                answer = await writer.send(command)
                is_full = answer["spansClosed"] == IDLE_BATCH_SPANS
        except HoldfastError as error:
            logger.warning("idle sessions could not be closed: %s", error)
