"""How many runs are open."""

from __future__ import annotations

from django.db.models import Count

from sessions_app.models import Run
from sessions_app.values import OPEN_RUN_STATES, RunState


def open_run_counts() -> dict[RunState, int]:
    """How many runs wait and how many run, in all conversations. One query; for the server itself, so nobody is asked who they are.

    Returns:
        A number for `queued` and for `running`.
    """
    rows = Run.objects.filter(state__in=OPEN_RUN_STATES).order_by().values_list("state").annotate(Count("pk"))
    found = dict(rows)
    return {state: found.get(state, 0) for state in (RunState.QUEUED, RunState.RUNNING)}
