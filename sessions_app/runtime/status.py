"""How this server is, in numbers: for people and programs (`gateway.status`) and for Prometheus (`/metrics`)."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sessions_app import access
from sessions_app.access import Action
from sessions_app.runtime import process as processes
from sessions_app.runtime.metrics import REGISTRY
from sessions_app.runtime.readiness import not_ready_reasons
from sessions_app.runtime.thread_writer import WriterStats
from sessions_app.selectors.hooks import hook_backlog
from sessions_app.selectors.runs import open_run_counts
from sessions_app.selectors.search_backlog import search_lag
from sessions_app.selectors.wire import wire_time
from sessions_app.values import Actor, Json, RunState


def gateway_status(actor: Actor) -> Json:
    """How the server is. Four queries, five for a token.

    Returns:
        {version, instanceId, startedAt, uptimeSeconds, ready, reasons, sockets, runsRunning, runsQueued,
        writer: {batches, commands, largestBatch, queueLength}, engine}; the ids and times are None where nobody serves.

    Raises:
        ForbiddenError, UnauthenticatedError: as `access.require`.
    """
    access.require(actor, Action.LIST)
    process = processes.current_if_any()
    reasons, runs = not_ready_reasons(), open_run_counts()
    stats = process.writer.stats if process else WriterStats()
    return {
        "version": settings.VERSION,
        "instanceId": str(process.instance_id) if process else None,
        "startedAt": wire_time(process.started_at) if process else None,
        "uptimeSeconds": round((timezone.now() - process.started_at).total_seconds()) if process else None,
        "ready": not reasons,
        "reasons": reasons,
        "sockets": process.hub.open_sockets if process else 0,
        "runsRunning": runs[RunState.RUNNING],
        "runsQueued": runs[RunState.QUEUED],
        "writer": {
            "batches": stats.batches,
            "commands": stats.commands,
            "largestBatch": stats.largest_batch,
            "queueLength": process.writer.queue_length if process else 0,
        },
        "engine": connection.vendor,
    }


def metrics_text(actor: Actor) -> bytes:
    """Everything that is counted, in Prometheus' text format. Up to eight queries, one more for a token.

    Raises:
        ForbiddenError, UnauthenticatedError: the actor may not manage the server.
    """
    access.require(actor, Action.MANAGE)
    return generate_latest(REGISTRY)


class _ServerCollector(Collector):
    """What is read when somebody asks, instead of counted as it happens."""

    def collect(self) -> Iterator[Metric]:
        """Up to seven queries; only runs, search and hooks where nobody serves."""
        runs = GaugeMetricFamily("holdfast_runs", "Answers that wait or run.", labels=["state"])
        for state, number in open_run_counts().items():
            runs.add_metric([str(state)], number)
        yield runs
        lag = search_lag()
        yield GaugeMetricFamily("holdfast_search_lag_entries", "Entries that search does not find yet.", lag["entries"])
        yield GaugeMetricFamily("holdfast_search_lag_seconds", "How long the oldest of them waits.", lag["seconds"])
        yield from _hooks()
        process = processes.current_if_any()
        if process is None:
            return
        info = GaugeMetricFamily("holdfast_info", "This server.", labels=["version", "instance"])
        info.add_metric([settings.VERSION, str(process.instance_id)], 1)
        yield info
        stats = process.writer.stats
        yield GaugeMetricFamily("holdfast_sockets", "Open sockets.", process.hub.open_sockets)
        yield GaugeMetricFamily("holdfast_draining", "1 while the server stops.", int(process.is_draining))
        yield CounterMetricFamily("holdfast_writer_batches", "Transactions of the writer.", stats.batches)
        yield CounterMetricFamily("holdfast_writer_commands", "Commands it carried out.", stats.commands)
        yield GaugeMetricFamily("holdfast_writer_largest_batch", "Commands in its largest one.", stats.largest_batch)
        yield GaugeMetricFamily("holdfast_writer_queue_length", "Commands that wait.", process.writer.queue_length)

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry would collect, and ask the database, while modules load."""
        return iter(())


def _hooks() -> Iterator[Metric]:
    """How far each subscriber is. Two queries."""
    waiting = GaugeMetricFamily("holdfast_hook_pending", "Deliveries that wait.", labels=["subscriber"])
    dead = GaugeMetricFamily("holdfast_hook_dead", "Deliveries that were given up.", labels=["subscriber"])
    age = GaugeMetricFamily("holdfast_hook_oldest_seconds", "How long the oldest one waits.", labels=["subscriber"])
    now = timezone.now()
    for row in hook_backlog():
        name, oldest = row["subscriber"], row["oldest"]
        waiting.add_metric([name], row["pending"])
        dead.add_metric([name], row["dead"])
        age.add_metric([name], (now - oldest).total_seconds() if oldest else 0.0)
    yield from (waiting, dead, age)


REGISTRY.register(_ServerCollector())
