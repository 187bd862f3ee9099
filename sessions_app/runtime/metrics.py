"""What is counted while the server runs. `status.py` has the rest, which is only read when somebody asks.

No session ids and no names of people as labels: every label has a handful of values.
"""

from __future__ import annotations

import logging
from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

from sessions_app.errors import HoldfastError
from sessions_app.services.perform import Settled, facts
from sessions_app.values import NO_EFFECTS, SYSTEM, Command

logger = logging.getLogger(__name__)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # memory, processor time, open files

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
ACKS = Counter("holdfast_acks", "Writes of people and programs answered as durable.", ["verb"], registry=REGISTRY)
RESETS = Counter("holdfast_resets", "Sessions put aside by a reset.", ["trigger"], registry=REGISTRY)
RESTORES = Counter("holdfast_restores", "Sessions made current again.", ["trigger"], registry=REGISTRY)
REFUSED = Counter("holdfast_refused_calls", "Calls answered with an error.", ["code"], registry=REGISTRY)
HOOK_ATTEMPTS = Counter(
    "holdfast_hook_attempts",
    "Attempts to tell a subscriber: delivered, failed (tried again), dead (given up).",
    ["subscriber", "outcome"],
    registry=REGISTRY,
)
WRITER_LAG = Histogram(
    "holdfast_writer_lag_seconds",
    "From queue to COMMIT, of the command of each batch that waited longest.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
HUB_LAG = Histogram(
    "holdfast_hub_lag_seconds",
    "From a poke to the last watcher of that conversation.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
_MOVES = {
    "session_reset": RESETS,
    "archive_restore": RESTORES,
    "checkpoint_restore": RESTORES,
    "position_restore": RESTORES,
}


def batch_counted(commands: Sequence[Command], settled: Sequence[Settled], lag_seconds: float) -> None:
    """Count what a writer has settled; once a batch, so that a send does not pay for it.

    Args:
        commands: of the batch.
        settled: how each ended, in the same order.
        lag_seconds: how long the oldest waited from queue to COMMIT.
    """
    try:
        WRITER_LAG.observe(lag_seconds)
        _count(commands, settled)
    except Exception:  # numbers are not worth a writer
        logger.exception("a batch was not counted")


def _count(commands: Sequence[Command], settled: Sequence[Settled]) -> None:
    acks: Tally[str] = Tally()
    for command, end in zip(commands, settled, strict=True):
        if end.error is not None or command.call.actor is SYSTEM:
            continue
        name = facts(command.verb).name
        acks[name] += 1
        if name in _MOVES and end.effects != NO_EFFECTS:  # a repeat is answered from its receipt and moves nothing
            _MOVES[name].labels(command.call.trigger).inc()
    for name, number in acks.items():
        ACKS.labels(name).inc(number)


def refusal_counted(error: HoldfastError) -> None:
    """Count a call that is answered with an error."""
    REFUSED.labels(error.code).inc()
