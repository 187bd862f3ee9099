"""A world in which everything happened that an export has words for."""

from __future__ import annotations

from uuid import UUID

from sessions_app.models import Session
from sessions_app.rescue.listed import report_whole
from sessions_app.rescue.scan import store_read
from sessions_app.runtime.adoption import Wish, adopt
from sessions_app.services.branches import checkpoint_branch, position_branch
from sessions_app.services.checkpoints import checkpoint_create
from sessions_app.services.compaction import session_compact
from sessions_app.services.conversations import conversation_create, conversation_patch
from sessions_app.services.reading import session_open
from sessions_app.services.restore import archive_restore, checkpoint_restore, position_restore
from sessions_app.services.turn_control import turn_retry
from sessions_app.services.turns import turn_submit
from sessions_app.values import RunState
from tests.rescue.making import Made, session_id, talk
from tests.support.world import World


def lived(world: World) -> None:
    """Talks, resets, restores, checkpoints, branches of branches, a compaction, cut answers, a locked conversation of bob's."""
    world.talk("Zeppelin über Köln ✓ \u2028", 'an answer with "quotes"\nand lines\t\x7f')
    failed = world.say("does this work?")
    world.claim()
    world.finish(failed["runId"], "half of", RunState.INTERRUPTED)
    world.do(turn_retry, session_key=world.key, session_id=world.current, run_id=UUID(failed["runId"]))
    world.finish(world.claim()[0]["runId"], "", RunState.FAILED)
    first = world.current
    made = world.do(checkpoint_create, session_key=world.key, session_id=first, seq=2, label="before ✓")
    world.reset(reason="a new topic", message="first words")
    world.finish(world.claim()[0]["runId"], "here")
    wanted = {"session_key": world.key, "expected_current_session_id": world.current}
    world.do(checkpoint_restore, checkpoint_id=UUID(made["checkpointId"]), **wanted)
    world.talk("from the checkpoint", "yes")
    middle = world.current
    world.do(session_compact, session_key=world.key, session_id=middle, covers_seq=3, summary="They said hello.")
    world.do(checkpoint_branch, session_key=world.key, checkpoint_id=UUID(made["checkpointId"]), title="Another way")
    branch = world.do(position_branch, session_key=world.key, session_id=middle, seq=4, title="A third way")
    here = {"session_key": branch["sessionKey"], "session_id": UUID(branch["sessionId"])}
    world.do(turn_submit, message="on the branch", **here)
    world.finish(world.claim()[0]["runId"], "branched")
    world.do(position_branch, seq=5, title="A fourth", **here)
    wanted["expected_current_session_id"] = world.current
    world.do(position_restore, session_id=middle, seq=5, **wanted)
    wanted["expected_current_session_id"] = world.current
    world.do(archive_restore, session_id=first, reason="that was better", **wanted)
    world.do(conversation_patch, session_key=world.key, title="Release ✓", pinned=True)
    _bobs(world)


def _bobs(world: World) -> None:
    other = world.do(conversation_create, world.bob, title="Bob's own")
    place = {"session_key": other["sessionKey"], "session_id": UUID(other["sessionId"])}
    world.do(turn_submit, world.bob, message="still waiting", **place)
    world.do(conversation_patch, world.bob, session_key=other["sessionKey"], locked=True)
    words = {"session_key": world.key, "session_id": world.current, "reason": "a look"}
    world.do(session_open, world.operator, **words)


def adopted(world: World, made: Made) -> None:
    """A store of another system: a live transcript, an archive that begins as it does, a trace beside it."""
    one, two = session_id(1), session_id(2)
    lines = talk(one, ["one", "two", "three", "four"])
    made.row("agent:main:telegram", one)
    made.file(f"{one}.jsonl", [*lines, b'{"type":"custom","id":"x","bytes":"\xff\xfe"}'])
    made.file(f"{two}.jsonl.reset.2026-11-20T16-05-00.000Z", talk(two, ["aside", "so"], prefix="k"))
    made.file(
        f"{one}.jsonl.reset.2026-11-20T17-05-00.000Z", [*lines[:3], *talk(one, ["more"], prefix="q", with_header=False)]
    )
    with store_read(made.root) as store:
        report = report_whole(adopt(store, world.admin, Wish(owner_id=world.admin.user_id)))
    assert report["failed"] == []
    assert Session.objects.filter(adopted_strands__isnull=False).count() >= 2
