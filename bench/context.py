"""`python -m bench.context ROUNDS`, with HOLDFAST_DATA_DIR set: the model's context of the first conversation, after a compaction of it.

Prints the seconds of processor time of each round as a JSON list. Ten turns follow the summary, as in a conversation that goes on.
"""

from __future__ import annotations

import json
import os
import sys
import time
from uuid import UUID

import django

TURNS = 10


def main() -> None:
    """Compact, talk on, read the context again and again."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlui.settings")
    django.setup()
    print(json.dumps(measured(int(sys.argv[1]))))


def measured(rounds: int) -> list[float]:
    """Processor time of each reading, in seconds."""
    from sessions_app.models import Session
    from sessions_app.runtime.settle import settle_alone
    from sessions_app.selectors.context import context_messages
    from sessions_app.services.compaction import session_compact
    from sessions_app.services.turns import turn_submit
    from sessions_app.values import SYSTEM, Call, Command, Trigger

    session = Session.objects.select_related("conversation").order_by("-last_seq").first()
    assert session is not None
    where = {"session_key": session.conversation.key, "session_id": session.pk}
    summary = {"covers_seq": session.last_seq, "summary": "What was decided so far. " * 40}
    settle_alone(Command(session_compact, Call(SYSTEM, Trigger.CLI), {**where, **summary})).result()
    seq = 0
    for turn in range(TURNS):
        call = Call(SYSTEM, Trigger.CLI, f"bench-{UUID(int=turn)}-{time.time_ns()}")
        seq = settle_alone(Command(turn_submit, call, {**where, "message": "Go on. " * 20})).result()["entrySeq"]
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        messages, _left_out = context_messages(session.pk, seq, max_bytes=800_000)
        taken.append(time.process_time() - began)
        assert len(messages) == TURNS + 1
    return taken


if __name__ == "__main__":
    main()
