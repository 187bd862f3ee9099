"""Every write verb with parameters that work: what the tests that all verbs share are driven by.

A case prepares the world and names the parameters; `stale` moves the world on, so that the same parameters must be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from sessions_app.errors import ConfirmationStaleError, HoldfastError, SessionMovedError
from sessions_app.models import ServerInstance
from sessions_app.services.adopt_whole import sessions_adopt
from sessions_app.services.branches import checkpoint_branch, position_branch
from sessions_app.services.checkpoints import checkpoint_create, checkpoint_rename
from sessions_app.services.compaction import session_compact
from sessions_app.services.conversations import conversation_create, conversation_patch
from sessions_app.services.exports import exports_record
from sessions_app.services.hooks import deliveries_plan, delivery_settle, hook_redeliver
from sessions_app.services.idle import spans_idle_close
from sessions_app.services.import_originals import strand_import, strand_join
from sessions_app.services.import_rows import session_import
from sessions_app.services.imports import audit_import, imported_conversation_open, imported_current_make
from sessions_app.services.instances import (
    instance_beat,
    instance_start,
    instance_stop,
    runs_interrupt,
    spans_recover,
)
from sessions_app.services.preferences import theme_set
from sessions_app.services.quarantine import session_quarantine
from sessions_app.services.reading import session_export_record, session_open
from sessions_app.services.repairs import doctor_apply
from sessions_app.services.reset import reset_preview, session_reset
from sessions_app.services.restart import gateway_restart
from sessions_app.services.restore import archive_restore, checkpoint_restore, position_restore
from sessions_app.services.runs import partials_save, runs_claim, turn_finish
from sessions_app.services.search import search_clear, search_extend
from sessions_app.services.sign_ins import lockout_record, password_sign_in_record
from sessions_app.services.store_repairs import store_repair_record
from sessions_app.services.tokens import token_seen
from sessions_app.services.turn_control import run_abort, turn_retry, turns_resume
from sessions_app.services.turns import turn_submit
from sessions_app.values import AuditType, Verb
from tests.support.world import World

Params = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One verb.

    Attributes:
        verb: the verb.
        params: prepares the world; parameters of ana that work in it.
        other: a change of them that makes the same request id a conflict.
        audit: type under which its refusals are audited.
        stale: moves the world on; None for verbs that name nothing that could move.
        error: what a stale call is refused with.
        stranger: who may not do this, by the name of the actor in the world.
    """

    verb: Verb
    params: Callable[[World], Params]
    other: Mapping[str, Any]
    audit: AuditType | None = None
    stale: Callable[[World], object] | None = None
    error: type[HoldfastError] = SessionMovedError
    stranger: str = "bob"

    def __str__(self) -> str:
        return self.verb.__name__


def checkpointed(world: World) -> str:
    """A checkpoint of the first entry of ana's current session."""
    made = world.do(checkpoint_create, session_key=world.key, session_id=world.current, seq=1, label="before")
    return str(made["checkpointId"])


def _submit(world: World) -> Params:
    return {"session_key": world.key, "session_id": world.current, "message": "hello"}


def _retry(world: World) -> Params:
    sent = world.talk()
    return {"session_key": world.key, "session_id": world.current, "run_id": UUID(sent["runId"])}


def _abort(world: World) -> Params:
    return {"session_key": world.key, "run_id": UUID(world.say()["runId"])}


def _reset(world: World) -> Params:
    world.talk()
    preview = reset_preview(world.ana, session_key=world.key)
    return {"session_key": world.key, "session_id": world.current, "confirmation": preview["token"]}


def _compact(world: World) -> Params:
    world.talk()
    return {"session_key": world.key, "session_id": world.current, "covers_seq": 2, "summary": "They said hello."}


def _archive(world: World) -> Params:
    world.talk()
    moved = world.reset()
    return {
        "session_key": world.key,
        "session_id": UUID(moved["oldSessionId"]),
        "expected_current_session_id": world.current,
    }


def _checkpoint(world: World) -> Params:
    world.talk()
    checkpoint_id = UUID(checkpointed(world))
    world.reset()
    return {"session_key": world.key, "checkpoint_id": checkpoint_id, "expected_current_session_id": world.current}


def _position(world: World) -> Params:
    return {**_archive(world), "seq": 1}


def _bookmark(world: World) -> Params:
    world.talk()
    return {"session_key": world.key, "session_id": world.current, "seq": 1, "label": "before"}


def _rename(world: World) -> Params:
    world.talk()
    return {"session_key": world.key, "checkpoint_id": UUID(checkpointed(world)), "label": "after"}


def _branch_checkpoint(world: World) -> Params:
    world.talk()
    return {"session_key": world.key, "checkpoint_id": UUID(checkpointed(world)), "title": "Another way"}


def _branch_position(world: World) -> Params:
    world.talk()
    return {"session_key": world.key, "session_id": world.current, "seq": 1, "title": "Another way"}


PEOPLE = [
    Case(turn_submit, _submit, {"message": "other"}, None, World.reset),
    Case(turn_retry, _retry, {"run_id": uuid4()}, None, World.reset),
    Case(run_abort, _abort, {"run_id": uuid4()}),
    Case(session_reset, _reset, {"reason": "x"}, AuditType.SESSION_RESET, World.say, ConfirmationStaleError),
    Case(session_compact, _compact, {"session_id": uuid4()}, AuditType.SESSION_COMPACTED, World.reset),
    Case(archive_restore, _archive, {"reason": "x"}, AuditType.SESSION_RESTORED, World.reset),
    Case(checkpoint_restore, _checkpoint, {"reason": "x"}, AuditType.SESSION_RESTORED, World.reset),
    Case(position_restore, _position, {"seq": 2}, AuditType.SESSION_RESTORED, World.reset),
    Case(checkpoint_create, _bookmark, {"seq": 2}, AuditType.CHECKPOINT_CREATED),
    Case(checkpoint_rename, _rename, {"label": "x"}, AuditType.CHECKPOINT_CHANGED),
    Case(checkpoint_branch, _branch_checkpoint, {"title": "x"}, AuditType.SESSION_BRANCHED),
    Case(position_branch, _branch_position, {"seq": 2}, AuditType.SESSION_BRANCHED),
    Case(
        conversation_create,
        lambda _: {"title": "Invoices"},
        {"title": "x"},
        AuditType.CONVERSATION_CREATED,
        stranger="auditor",
    ),
    Case(
        conversation_patch,
        lambda world: {"session_key": world.key, "title": "Invoices", "pinned": True},
        {"title": "x"},
        AuditType.CONVERSATION_CHANGED,
    ),
]
MOVING = [case for case in PEOPLE if case.stale is not None]

# verbs of the server itself: no transport names them, so they ask nobody's permission
SYSTEM_VERBS = {
    token_seen,
    session_quarantine,
    runs_claim,
    partials_save,
    turn_finish,
    instance_start,
    instance_beat,
    instance_stop,
    runs_interrupt,
    spans_recover,
    spans_idle_close,
    turns_resume,
    deliveries_plan,
    delivery_settle,
    search_extend,
}
OWN_TESTS = {
    doctor_apply,
    gateway_restart,
    theme_set,
    password_sign_in_record,
    lockout_record,
    hook_redeliver,
    store_repair_record,
    search_clear,
    session_open,
    session_export_record,
    sessions_adopt,
    exports_record,
    imported_conversation_open,
    imported_current_make,
    audit_import,
    session_import,
    strand_import,
    strand_join,
}  # test_restart.py, test_hooks.py ...


def instance_made() -> UUID:
    """A serving process that is alive."""
    now = timezone.now()
    return ServerInstance.objects.create(host="here", pid=1, started_at=now, heartbeat_at=now).pk
